"""What `lgncc inspect` says of a model: its parts, and each fact with its source."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from lgncc.gates import GATES
from lgncc.model import Fact, LogicModel


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
            f"  network   {self.inputs:,} inputs, {self.gates:,} gates, {self.levels} levels, "
            f"{self.outputs:,} outputs, {self.state_bits:,} state bits",
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
            f"{readout.kind} of {readout.n_classes} classes, {len(readout.output):,} terms, "
            f"integer scores {readout.score_range[0]} to {readout.score_range[1]}, "
            f"tau {readout.tau:g}, beta {readout.beta:g}"
        )
    return Inspection(
        frontend=model.provenance.frontend,
        path=model.provenance.path,
        sha256=model.provenance.sha256,
        facts=model.provenance.facts,
        encoder=(
            f"none, {encoder.n_features:,} bits"
            if encoder.is_identity
            else f"thermometer, {encoder.n_features:,} features ({', '.join(formats)}) "
            f"to {encoder.n_bits:,} bits"
        ),
        inputs=netlist.n_inputs,
        gates=netlist.n_gates,
        levels=netlist.depth,
        outputs=len(netlist.outputs),
        state_bits=netlist.n_state,
        gate_counts={gate.name: int(table_counts[gate.table]) for gate in GATES},
        readout=says,
    )
