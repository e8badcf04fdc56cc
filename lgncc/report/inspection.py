"""What `lgncc inspect` says of a model: its parts, and each fact with its source."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from lgncc.gates import GATES
from lgncc.model import Fact, LogicModel
from lgncc.wording import counted


@dataclass(frozen=True)
class Inspection:
    """Counts of the parts of a LogicModel, as read and before any pass."""

    frontend: str
    path: str
    sha256: str
    facts: tuple[Fact, ...]
    encoder: str
    inputs: int
    gates: int
    levels: int
    outputs: int
    state_bits: int
    gate_counts: dict[str, int]
    readout: str

    def lines(self) -> list[str]:
        counts = ", ".join(f"{name} {count:,}" for name, count in self.gate_counts.items())
        return [
            f"{self.path}: {self.frontend}",
            f"  sha256    {self.sha256}",
            f"  encoder   {self.encoder}",
            f"  network   {counted(self.inputs, 'input')}, {counted(self.gates, 'gate')}, "
            f"{counted(self.levels, 'level')}, {counted(self.outputs, 'output')}, "
            f"{counted(self.state_bits, 'state bit')}",
            f"  gates     {counts or 'none'}",
            f"  readout   {self.readout}",
            "  facts",
            *(f"    {fact}" for fact in self.facts),
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def inspect_model(model: LogicModel) -> Inspection:
    """Count what `model` is made of."""
    encoder, netlist, readout = model.encoder, model.netlist, model.readout
    formats = sorted({encoder.format_name(j) for j in range(encoder.n_features)})
    table_counts = np.bincount(netlist.table.astype(np.int64), minlength=len(GATES))
    if readout.kind == "bits":
        says = "bits"
    else:
        says = (
            f"{readout.kind} of {counted(readout.n_classes, 'class', 'classes')}, "
            f"{counted(len(readout.output), 'term')}, "
            f"integer scores {readout.score_range[0]} to {readout.score_range[1]}, "
            f"tau {readout.tau:g}, beta {readout.beta:g}"
        )
    return Inspection(
        frontend=model.provenance.frontend,
        path=model.provenance.path,
        sha256=model.provenance.sha256,
        facts=model.provenance.facts,
        encoder=(
            f"none, {counted(encoder.n_features, 'bit')}"
            if encoder.is_identity
            else f"thermometer, {counted(encoder.n_features, 'feature')} ({', '.join(formats)}) "
            f"to {counted(encoder.n_bits, 'bit')}"
        ),
        inputs=netlist.n_inputs,
        gates=netlist.n_gates,
        levels=netlist.depth,
        outputs=len(netlist.outputs),
        state_bits=netlist.n_state,
        gate_counts={gate.name: int(table_counts[gate.table]) for gate in GATES},
        readout=says,
    )
