"""The core as one self-contained Verilog-2001 file, with a header that says how to use it."""

from __future__ import annotations

import re

import numpy as np
from amaranth.hdl import Signal
from amaranth.lib.wiring import Component

import lgncc
from lgncc.emit.luts import luts_rtlil
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.hw.core import Core
from lgncc.hw.encoded_core import EncodedCore
from lgncc.hw.folded import FoldedCore
from lgncc.hw.mapped_core import LUTS_MODULE, MappedCore
from lgncc.hw.pins import PinPorts, TextPlatform
from lgncc.hw.readout import score_shape
from lgncc.hw.serial_core import SerialCore
from lgncc.hw.streaming_core import StreamingCore
from lgncc.model import LogicModel
from lgncc.wording import counted

AnyCore = Core | MappedCore | SerialCore | FoldedCore | EncodedCore
"""The cores of the architectures: one interface, one contract."""


def core_verilog(core: AnyCore, name: str = "lgncc_core") -> str:
    """The Verilog of `core` and all it instantiates; the top module is `name`."""
    return header(core, name) + component_verilog(core, name) + (core.extra_verilog() or "")


def component_verilog(component: Component, name: str, pins: PinPorts | None = None) -> str:
    """Amaranth's Verilog of a component, less the wires of no bits that it declares, and the text
    of its read-only memories. pins: of an SPI flash, which become ports.

    Amaranth writes them as `wire [-1:0]`, which Verilog takes for two bits; nothing reads
    them.
    """
    from amaranth.back import verilog

    platform = pins or TextPlatform()
    ports: list[Signal] | None = None
    if pins is not None:
        own = [value for _, _, value in component.signature.flatten(component)]
        ports = [*own, *pins.flash]
    text: str = verilog.convert(
        component, name, platform, ports=ports, emit_src=False, strip_internal_attrs=True
    )
    text = re.sub(r"^ *wire \[-1:0\] .*\n", "", text, flags=re.MULTILINE)
    return text + "".join(platform.files.values())


def core_rtlil(core: AnyCore, name: str = "lgncc_core") -> str:
    """The RTLIL of `core`. Raises DesignError where its network is too large for RTLIL alone."""
    from amaranth.back import rtlil

    if isinstance(core, MappedCore):
        text: str = rtlil.convert(core, name=name, emit_src=False)
        return text + luts_rtlil(core.design.luts, core.stages, LUTS_MODULE, **core.form)
    if core.extra_verilog() is not None:
        raise DesignError(
            f"the network's {core.model.netlist.n_gates:,} gates are written as Verilog text; "
            "export with --format verilog and read that into yosys"
        )
    return str(rtlil.convert(core, name=name, emit_src=False))


def header(core: AnyCore, name: str) -> str:
    """Comment lines: where the model is from, ports, bit order, latency and interval."""
    model = core.model
    provenance = model.provenance
    lines = [
        f"{name}: a logic-gate network, compiled by lgncc {lgncc.__version__}",
        f"model: {provenance.frontend}, sha256 {provenance.sha256 or 'unknown'}",
        core.contents,
        "",
        "clk                 rising edge",
        "rst                 synchronous, active high; discards what is inside",
        f"i__payload[{len(core.i.payload) - 1}:0]  input vector:",
        *(f"  {line}" for line in describe_input(model.encoder)),
        *(f"  {line}" for line in core.flags.describe(model.encoder.input_width)),
        "i__valid, i__ready  a vector is accepted at a clock edge where both are 1",
        f"o__payload[{len(core.o.payload) - 1}:0]  answer:",
        *(f"  {line}" for line in describe_output(model)),
        "o__valid, o__ready  an answer is taken at a clock edge where both are 1",
        "",
        f"latency: {counted(core.latency_cycles, 'cycle')}, from the edge that accepts a vector to",
        "  the edge that can take its answer",
        f"initiation interval: {counted(core.initiation_interval, 'cycle')}; {_of_stalls(core)}",
        *_of_sequences(core),
    ]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines)


def _of_sequences(core: AnyCore) -> list[str]:
    if not core.flags.first:
        return []
    if core.sequences == 1:
        return ["one sequence after another; a vector is the next step of the one before it"]
    return [
        f"{core.sequences} sequences by turns: vector k, counted from reset, is a step of the one",
        f"  in slot k mod {core.sequences}; {counted(core.step_cycles, 'cycle')} from step to step",
    ]


def _of_stalls(core: AnyCore) -> str:
    if isinstance(core, EncodedCore):
        return _of_stalls(core.core)
    if isinstance(core, StreamingCore):
        return f"up to {core.capacity} vectors are inside"
    return "a stall at o holds every stage"


def describe_input(encoder: Encoder) -> list[str]:
    """Where each feature is in the packed input vector."""
    if encoder.is_identity:
        return ["bit j is network input j"]
    uniform = len(np.unique(np.stack([encoder.bits, encoder.fraction, encoder.signed]), axis=1).T)
    if uniform == 1:
        bits = int(encoder.bits[0])
        return [
            f"feature j is bits {bits}*j+{bits - 1} to {bits}*j, j = 0 to {encoder.n_features - 1}",
            f"format {encoder.format_name(0)}"
            " (u unsigned, s two's complement, digits behind a point: fraction bits)",
        ]
    stop = np.cumsum(encoder.bits)
    return [
        f"feature {j}: bits {stop[j] - 1} to {stop[j] - encoder.bits[j]}, {encoder.format_name(j)}"
        for j in range(encoder.n_features)
    ]


def describe_output(model: LogicModel) -> list[str]:
    """What the payload of an answer means."""
    readout = model.readout
    if readout.kind == "bits":
        return ["bit j is network output j"]
    if readout.kind == "class":
        return [
            f"the class, 0 to {readout.n_classes - 1}: highest score, the lowest index wins a tie"
        ]
    shape = score_shape(readout)
    sign = "two's complement" if shape.signed else "unsigned"
    return [
        f"score of class c is bits {shape.width}*c+{shape.width - 1} to {shape.width}*c, {sign}",
        f"the model's own score is (score + {readout.beta:g}) / {readout.tau:g}",
    ]
