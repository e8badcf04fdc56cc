"""Structural Verilog, read through yosys: flattened, mapped to AIGER, then the AIGER reader.

yosys runs as a child process in a temporary folder, limited in time and memory. The file
may come from anyone, so everything that would make yosys open another file or call a
function outside of it is refused before yosys sees it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lgncc.encoder import Encoder
from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.flow.run import ToolFailedError, run_tool
from lgncc.flow.tools import find_tool
from lgncc.frontends.aiger import aiger_netlist
from lgncc.frontends.common import group_readout
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.model import Fact, LogicModel
from lgncc.netlist import Netlist

TIMEOUT_S = 300.0
MEMORY_KIB = 4 << 20
MODULE = re.compile(r"\bmodule\s+(\\\S+|[A-Za-z_][\w$]*)")
# Searched in the raw text, comments and all: a lexer of ours that disagreed with that of
# yosys would be a hole.
FORBIDDEN = re.compile(
    r"`(?!timescale\b|default_nettype\b|resetall\b|celldefine\b|endcelldefine\b)\s*\w*"
    r"|\$(?:readmem|fopen|fread|fscanf|fgets|fwrite|fdisplay|fclose|system|dump)\w*"
    r"|\bimport\b|\"DPI[^\"]*\""
)
LIBRARIES = {
    "ice40": re.compile(r"\bSB_[A-Z]"),
    "ecp5": re.compile(r"\bTRELLIS_|\bLUT4\b[^;]*\.Z\s*\("),
    "gowin": re.compile(r"\bLUT[1-4]\b[^;]*\.F\s*\("),
    "xilinx": re.compile(r"\bLUT[1-6]\b[^;]*\.O\s*\("),
}
"""Primitives that yosys has models of; modules of the file itself come first."""
SCRIPT = """\
read_verilog -icells design.v
{libraries}
hierarchy -check -top {top}
proc -noopt
flatten
opt_clean
setundef -undriven -anyseq
select -assert-none t:$anyseq
opt
techmap
dfflegalize -cell $_DFF_P_ 01
opt_expr
opt_merge
aigmap
opt_clean -purge
check -assert
write_aiger -symbols -map ports.map out.aig
delete t:* t:$_DFF_P_ %d
setattr -set keep 1 t:$_DFF_P_
opt_clean -purge
write_json ports.json
"""
HINTS = {
    "t:$anyseq": "some bits are undriven or x, which hardware cannot be built from",
    "'check -assert'": "there is a combinational cycle, or a net with several drivers or none",
}


def recognize(source: Source) -> str | None:
    if b"\0" in source.data[:65536]:
        return "binary, not text"
    if not re.search(rb"\bmodule\s+\S", source.data) or b"endmodule" not in source.data:
        return "no module ... endmodule"
    return None


def read(source: Source, given: GivenFacts) -> LogicModel:
    given.only("Verilog", "classes", "tau", "input_bits")
    try:
        text = source.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.path}: byte {error.start} is not UTF-8 text") from error
    path = str(source.path)
    _refuse_reaching_out(text, path)
    top = _top_module(text, path)
    netlist, clock = _through_yosys(text, top, path)
    source.agree("input_bits", netlist.n_inputs, given.input_bits)
    facts = [
        Fact("top module", top, "from checkpoint"),
        Fact(
            "inputs", f"{netlist.n_inputs} bits, of each port the lowest first", "from checkpoint"
        ),
        Fact("outputs", str(len(netlist.outputs)), "from checkpoint"),
        Fact("gates", f"{netlist.n_gates} of two inputs", "derived, exact"),
    ]
    if clock:
        facts.append(Fact("clock", clock, "from checkpoint"))
        facts.append(Fact("state", f"{netlist.n_state} flip-flops", "from checkpoint"))
    readout, readout_facts = group_readout(source, len(netlist.outputs), given)
    return LogicModel(
        encoder=Encoder.identity(netlist.n_inputs),
        netlist=netlist,
        readout=readout,
        provenance=source.provenance("verilog", [*facts, *readout_facts]),
    )


def _refuse_reaching_out(text: str, path: str) -> None:
    found = FORBIDDEN.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(
            f"{path}:{line}: {found[0]!r} is refused, even in a comment: it could open other files "
            "or run code; give one self-contained, preprocessed netlist"
        )


def _top_module(text: str, path: str) -> str:
    """The one module that no other part of the text names."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", " ", text, flags=re.DOTALL)
    modules = [str(name).removeprefix("\\") for name in MODULE.findall(code)]
    words = Counter(re.findall(r"(?<![\w$])[A-Za-z_][\w$]*", code))
    tops = [name for name in modules if words[name] == 1]
    if len(tops) != 1:
        raise InputError(
            f"{path}: modules {', '.join(modules[:6]) or '(none)'}: "
            f"{len(tops) or 'none'} of them could be the top, which no other text names; "
            "leave one top module in the file"
        )
    return tops[0]


def _through_yosys(text: str, top: str, path: str) -> tuple[Netlist, str]:
    """The netlist with ports in the order of their declaration, and the clock's name or ''."""
    yosys = find_tool("yosys")
    limited = ("sh", "-c", f'ulimit -d {MEMORY_KIB}; exec "$@"', "sh", *yosys.argv)
    libraries = [
        f"read_verilog -defer -nooverwrite +/{name}/cells_sim.v"
        for name, primitives in LIBRARIES.items()
        if primitives.search(text)
    ]
    with tempfile.TemporaryDirectory(prefix="lgncc-verilog-") as name:
        folder = Path(name)
        (folder / "design.v").write_text(text, encoding="utf-8")
        script = SCRIPT.format(libraries="\n".join(libraries), top=top)
        (folder / "script.ys").write_text(script)
        log = folder / "yosys.log"
        try:
            run_tool(
                replace(yosys, argv=limited),
                ["-s", "script.ys"],
                log_path=log,
                cwd=folder,
                timeout_s=TIMEOUT_S,
            )
        except (ToolFailedError, EnvironmentLacksError) as error:
            line = getattr(error, "line", "") or str(error).split("\n", maxsplit=1)[0]
            hint = next((text for key, text in HINTS.items() if key in line), line)
            raise InputError(
                f"{path}: yosys cannot make a netlist of it: {hint}\n  log: {_keep(log)}"
            ) from error
        ports = _Ports.read(folder, top, path)
        netlist = aiger_netlist((folder / "out.aig").read_bytes(), path)
    return _in_port_order(netlist, ports, path), ports.clock


def _keep(log: Path) -> str:
    """The log outlives the temporary folder."""
    with tempfile.NamedTemporaryFile(prefix="lgncc-yosys-", suffix=".log", delete=False) as kept:
        shutil.copyfile(log, kept.name)
        return str(kept.name)


@dataclass(frozen=True)
class _Ports:
    """Bits as (name, place), in order of declaration.

    inputs: places are those in the AIGER file. outputs: likewise, or a str, the constant
    `0` or `1`. clock: the name of the input that clocks every flip-flop, or ''.
    """

    inputs: list[tuple[str, int]]
    outputs: list[tuple[str, int | str]]
    clock: str

    @classmethod
    def read(cls, folder: Path, top: str, path: str) -> _Ports:
        places: dict[tuple[str, str], dict[int, int]] = {}
        for line in (folder / "ports.map").read_text(encoding="utf-8").splitlines():
            kind, place, bit, name = line.split(maxsplit=3)
            places.setdefault((kind, name), {})[int(bit)] = int(place)
        module = json.loads((folder / "ports.json").read_text(encoding="utf-8"))["modules"][top]
        inputs: list[tuple[str, int]] = []
        outputs: list[tuple[str, int | str]] = []
        net_of: dict[Any, str] = {}
        for name, port in module["ports"].items():
            kind, nets = port["direction"], port["bits"]
            names, place_of = _bit_names(name, port), places.get((kind, name), {})
            indices = range(port.get("offset", 0), port.get("offset", 0) + len(nets))
            if kind == "input":
                inputs += zip(names, (place_of[index] for index in indices), strict=True)
                net_of.update(zip(nets, names, strict=True))
            elif kind == "output":  # the map leaves out bits that are constant
                known = (place_of.get(i, net) for i, net in zip(indices, nets, strict=True))
                outputs += zip(names, known, strict=True)
            else:
                raise InputError(f"{path}: port {name} is {kind}; only inputs and outputs are read")
        clocks = {cell["connections"]["C"][0] for cell in module["cells"].values()}
        if len(clocks) > 1 or clocks - net_of.keys():
            named = sorted(net_of.get(net, "a net inside") for net in clocks)
            raise InputError(
                f"{path}: flip-flops are clocked by {', '.join(named)}; one rising edge of one "
                "input must clock them all"
            )
        return cls(inputs, outputs, net_of[clocks.pop()] if clocks else "")


def _bit_names(name: str, port: dict[str, Any]) -> list[str]:
    """Names of a port's bits, the lowest first: `x`, or `x[0]`, `x[1]` as declared."""
    width, offset = len(port["bits"]), port.get("offset", 0)
    if width == 1 and "offset" not in port and "upto" not in port:
        return [name]
    indices = range(offset, offset + width)
    return [f"{name}[{i}]" for i in (reversed(indices) if port.get("upto") else indices)]


def _in_port_order(netlist: Netlist, ports: _Ports, path: str) -> Netlist:
    data = [(name, place) for name, place in ports.inputs if name != ports.clock]
    renamed = np.full(netlist.n_nodes, -1, np.int32)
    renamed[:2] = 0, 1
    renamed[[2 + place for _, place in data]] = np.arange(2, 2 + len(data))
    dropped = netlist.n_inputs - len(data)
    renamed[netlist.first_state :] = np.arange(netlist.first_state, netlist.n_nodes) - dropped
    outputs = np.array(
        [
            int(place) if isinstance(place, str) else netlist.outputs[place]
            for _, place in ports.outputs
        ],
        np.int32,
    )
    fanin, outputs, next_state = (
        renamed[ids] for ids in (netlist.fanin, outputs, netlist.next_state)
    )
    if min(ids.min(initial=0) for ids in (fanin, outputs, next_state)) < 0:
        raise InputError(f"{path}: clock {ports.clock} is also used as data")
    return Netlist(
        n_inputs=len(data),
        fanin=fanin,
        table=netlist.table,
        outputs=outputs,
        next_state=next_state,
        reset=netlist.reset,
        input_names=tuple(name for name, _ in data),
        output_names=tuple(name for name, _ in ports.outputs),
    )


READER = Reader("verilog", recognize, read)
