"""BLIF: a combinational netlist of `.names`, from any synthesis tool.

Source: "Berkeley Logic Interchange Format (BLIF)", UC Berkeley, 1992. Read are
`.model`, `.inputs`, `.outputs`, `.names` of up to 6 inputs (decomposed into two-input
gates) and `.end`. The leftmost character of a cover row belongs to the first input,
which becomes fanin 0. Text is split by str methods and looked up in dictionaries:
for names that beats numpy's string arrays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Ids, Tables
from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.frontends.common import group_readout
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.graph import find_cycle, levelize
from lgncc.model import Fact, LogicModel
from lgncc.netlist import MAX_FANINS, Netlist

IGNORED = frozenset({".model", ".end", ".default_input_arrival", ".area", ".delay"})


def recognize(source: Source) -> str | None:
    head = source.data[:65536]
    if b"\0" in head:
        return "binary, not text"
    keywords = {line.split(maxsplit=1)[0] for line in head.splitlines() if line.startswith(b".")}
    return None if keywords & {b".model", b".inputs", b".names"} else "no .model, .inputs or .names"


def read(source: Source, given: GivenFacts) -> LogicModel:
    given.only("BLIF", "classes", "tau", "input_bits")
    try:
        text = source.data.decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.path}: byte {error.start} is not ASCII text") from error
    parsed = _parse(text, str(source.path))
    netlist = _build(parsed, str(source.path))
    source.agree("input_bits", netlist.n_inputs, given.input_bits)
    arities = Counter(map(len, parsed.fanins))
    facts = [
        Fact("inputs", f"{netlist.n_inputs} bits", "from checkpoint"),
        Fact("outputs", str(len(netlist.outputs)), "from checkpoint"),
        Fact(
            ".names",
            f"{len(parsed.targets)} ("
            + ", ".join(f"{count} of {arity} inputs" for arity, count in sorted(arities.items()))
            + ")",
            "from checkpoint",
        ),
        Fact("gates", f"{netlist.n_gates} of two inputs", "derived, exact"),
    ]
    readout, readout_facts = group_readout(source, len(netlist.outputs), given)
    return LogicModel(
        encoder=Encoder.identity(netlist.n_inputs),
        netlist=netlist,
        readout=readout,
        provenance=source.provenance("blif", [*facts, *readout_facts]),
    )


@dataclass(frozen=True)
class _Blif:
    """inputs, outputs: names; the rest one entry a `.names`."""

    inputs: list[str]
    outputs: list[str]
    fanins: list[list[str]]
    targets: list[str]
    tables: Tables


def _parse(text: str, path: str) -> _Blif:
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    # From the end up, so that a chain of continuations gathers in its first line. The
    # joined lines stay behind, empty: every line keeps its number.
    for number in range(len(lines) - 2, -1, -1):
        if lines[number].endswith("\\"):
            lines[number] = f"{lines[number][:-1]} {lines[number + 1]}"
            lines[number + 1] = ""
    statements = [number for number, line in enumerate(lines) if line.startswith(".")]
    if not statements:
        raise InputError(f"{path}: no BLIF statement in it")
    _reject_rows(lines, 0, statements[0], path)

    ports: dict[str, list[str]] = {".inputs": [], ".outputs": []}
    heads: list[list[str]] = []
    covers: list[tuple[int, str]] = []
    at: list[int] = []
    models = 0
    for number, stop in zip(statements, [*statements[1:], len(lines)], strict=True):
        keyword, *names = lines[number].split()
        if keyword == ".names":
            if not names:
                raise InputError(f"{path}:{number + 1}: .names without an output")
            heads.append(names)
            covers.append((len(names) - 1, "\n".join(lines[number + 1 : stop])))
            at.append(number)
            continue
        _reject_rows(lines, number + 1, stop, path)
        models += keyword == ".model"
        if models > 1:
            raise InputError(f"{path}:{number + 1}: a second .model; flatten the design first")
        if keyword in ports:
            ports[keyword] += names
        elif keyword == ".latch":
            raise InputError(
                f"{path}:{number + 1}: .latch: the network holds state, and lgncc reads "
                "combinational BLIF; cut the latches, or export the combinational part"
            )
        elif keyword not in IGNORED:
            raise InputError(
                f"{path}:{number + 1}: {keyword} is not read; flatten and map the design to "
                f".names first (in yosys: flatten; abc -lut {MAX_FANINS}; write_blif)"
            )
    tables: dict[tuple[int, str], int] = {}
    for (arity, cover), number in zip(covers, at, strict=True):
        if (arity, cover) not in tables:  # few are distinct
            tables[arity, cover] = _table(arity, cover, f"{path}:{number + 1}")
    return _Blif(
        inputs=ports[".inputs"],
        outputs=ports[".outputs"],
        fanins=[names[:-1] for names in heads],
        targets=[names[-1] for names in heads],
        tables=np.array([tables[cover] for cover in covers], np.uint64),
    )


def _reject_rows(lines: list[str], start: int, stop: int, path: str) -> None:
    for number in range(start, stop):
        if lines[number]:
            raise InputError(f"{path}:{number + 1}: {lines[number]!r} belongs to no .names")


def _table(arity: int, cover: str, where: str) -> int:
    """The truth table of one sum-of-products cover."""
    if arity > MAX_FANINS:
        raise InputError(
            f"{where}: .names of {arity} inputs; at most {MAX_FANINS} are read "
            f"(in yosys: abc -lut {MAX_FANINS}; write_blif)"
        )
    rows = [row.split() for row in cover.split("\n") if row]
    polarities = set()
    covered = 0
    for fields in rows:
        pair = ["", *fields] if arity == 0 else fields  # a constant's rows have no pattern
        pattern, output = pair if len(pair) == 2 else ("?", "")
        if len(pattern) != arity or set(pattern) - set("01-") or output not in ("0", "1"):
            raise InputError(
                f"{where}: cover row {' '.join(fields)!r} does not fit {arity} inputs and an output"
            )
        polarities.add(output)
        for minterm in range(1 << arity):
            literals = (str(minterm >> slot & 1) for slot in range(arity))
            if all(want in ("-", bit) for want, bit in zip(pattern, literals, strict=True)):
                covered |= 1 << minterm
    if len(polarities) > 1:
        raise InputError(f"{where}: the cover mixes rows of output 0 and of output 1")
    return covered ^ ((1 << (1 << arity)) - 1) if polarities == {"0"} else covered


def _build(parsed: _Blif, path: str) -> Netlist:
    n_inputs, n_names = len(parsed.inputs), len(parsed.targets)
    drivers = [*parsed.inputs, *parsed.targets]
    index = dict(zip(drivers, range(n_inputs + n_names), strict=True))
    if len(index) < len(drivers):
        name = next(name for name, times in Counter(drivers).items() if times > 1)
        raise InputError(f"{path}: net {name} is driven more than once")
    if not parsed.outputs:
        raise InputError(f"{path}: no .outputs")
    try:
        flat = np.array([index[name] for names in parsed.fanins for name in names], np.int64)
        outputs = np.array([index[name] for name in parsed.outputs], np.int64)
    except KeyError as error:
        raise InputError(f"{path}: nothing drives net {error.args[0]}") from error

    arity = np.array([len(names) for names in parsed.fanins], np.int64)
    consumer = np.repeat(np.arange(n_names), arity)
    internal = flat >= n_inputs
    edges = flat[internal] - n_inputs, consumer[internal]
    level = levelize(n_names, *edges)
    if (level < 0).any():
        cycle = [parsed.targets[node] for node in find_cycle(level, *edges)]
        shown = " -> ".join([*cycle[:8], *(["..."] if len(cycle) > 8 else []), cycle[0]])
        raise InputError(f"{path}: combinational cycle: {shown}")

    builder = NetlistBuilder(n_inputs)
    node = np.concatenate([builder.inputs, np.zeros(n_names, np.int32)])
    start = np.cumsum(arity) - arity
    # Groups of one level and one arity, lowest level first.
    order = np.lexsort((arity, level))
    borders = np.flatnonzero(np.diff(level[order]) | np.diff(arity[order])) + 1
    for group in np.split(order, borders) if n_names else []:
        slots: Ids = start[group][:, None] + np.arange(arity[group[0]])
        node[n_inputs + group] = builder.luts(parsed.tables[group], node[flat[slots]])
    return builder.finish(
        node[outputs], input_names=tuple(parsed.inputs), output_names=tuple(parsed.outputs)
    )


READER = Reader("blif", recognize, read)
