"""Circuit JSON of torchlogix (`Circuit.write_json`): gates, and sums with tau and beta.

Ids 0 to n_inputs - 1 are inputs, any others gates or sums. `simplify()` moves constant
gates into beta, which its own Verilog then leaves out; here beta becomes the bias.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lgncc.arrays import Ids, Integers
from lgncc.builder import NetlistBuilder
from lgncc.errors import InputError
from lgncc.frontends.common import group_readout, threshold_encoder
from lgncc.frontends.source import GivenFacts, Reader, Source
from lgncc.gates import (
    A_AND_NOT_B,
    A_OR_NOT_B,
    AND,
    BUF_A,
    CONST0,
    CONST1,
    NAND,
    NOR,
    NOT_A,
    NOT_A_AND_B,
    NOT_A_OR_B,
    NOT_B,
    OR,
    XNOR,
    XOR,
)
from lgncc.model import Fact, LogicModel, Readout

# in0 is a, in1 is b.
OPERATIONS = {
    "CONST_FALSE": CONST0,
    "CONST_TRUE": CONST1,
    "WIRE": BUF_A,
    "NOT": NOT_A,
    "NOT_A": NOT_A,
    "NOT_B": NOT_B,
    "AND": AND,
    "OR": OR,
    "XOR": XOR,
    "NAND": NAND,
    "NOR": NOR,
    "XNOR": XNOR,
    "AND_NOT_B": A_AND_NOT_B,
    "AND_NOT_A": NOT_A_AND_B,
    "OR_NOT_B": A_OR_NOT_B,
    "OR_NOT_A": NOT_A_OR_B,
}
_IGNORES_A = np.array([table & 0b0101 == table >> 1 & 0b0101 for table in range(16)])
_IGNORES_B = np.array([table & 0b0011 == table >> 2 for table in range(16)])
MAX_BETA = float(1 << 31)
MAX_DRIFT = 1e-6  # of a fraction to which torchlogix added 1.0 many times


def recognize(source: Source) -> str | None:
    if not source.data[:64].lstrip().startswith(b"{"):
        return "not a JSON object"
    keys = (b'"n_inputs"', b'"gates"', b'"outputs"')
    missing = [key.decode() for key in keys if key not in source.data]
    return f"JSON without {', '.join(missing)}" if missing else None


def read(source: Source, given: GivenFacts) -> LogicModel:
    """Raises InputError where the file is malformed."""
    given.only("torchlogix Circuit", "classes", "tau", "input_bits", "threshold", "input_format")
    circuit = _parse(source)
    source.agree("input_bits", circuit.n_inputs, given.input_bits)
    encoding, facts = threshold_encoder(source, circuit.n_inputs, given)
    builder = NetlistBuilder(circuit.n_inputs)
    node = circuit.nodes()
    fanin = _fanins(circuit, node)
    builder.gates(circuit.table, fanin[:, 0], fanin[:, 1])
    if circuit.sums:
        ids = np.array([id_ for sum_ in circuit.sums for id_ in sum_.ids], np.int64)
        readout, readout_facts = _readout(circuit, given)
        outputs = circuit.find(node, ids, "a sum")
    else:
        outputs = circuit.find(node, circuit.outputs, "outputs")
        readout, readout_facts = group_readout(source, len(outputs), given)
    facts += [
        Fact("gates", str(len(circuit.table)), "from checkpoint"),
        Fact("outputs", f"{len(circuit.outputs)}", "from checkpoint"),
        *readout_facts,
    ]
    return LogicModel(
        encoding, builder.finish(outputs), readout, source.provenance(READER.name, facts)
    )


@dataclass(frozen=True)
class _Sum:
    ids: list[int]
    tau: float
    beta: float


@dataclass(frozen=True)
class _Circuit:
    """gate_id, in0, in1: int64 (n,); table: int32 (n,); outputs: int64 (m,), gates or sums.

    sums: one an output; empty where the outputs are gates.
    """

    source: Source
    n_inputs: int
    gate_id: Integers
    table: Ids
    in0: Integers
    in1: Integers
    outputs: Integers
    sums: list[_Sum]

    def error(self, text: str) -> InputError:
        return InputError(f"{self.source.path}: {text}")

    def nodes(self) -> tuple[Integers, Integers]:
        """Gate ids in order, and the node id of each."""
        order = np.argsort(self.gate_id, kind="stable")
        ids = self.gate_id[order]
        twice = np.flatnonzero(np.diff(ids) == 0)
        if len(twice):
            raise self.error(f"gate {ids[twice[0]]} is there twice")
        if len(ids) and ids[0] < self.n_inputs:
            raise self.error(f"gate {ids[0]} has the id of an input")
        return ids, order + 2 + self.n_inputs

    def find(self, node: tuple[Integers, Integers], ids: Integers, where: str) -> Integers:
        """Node ids of inputs and gates, by their ids in the file."""
        known, nodes = node
        at = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
        is_input = (ids >= 0) & (ids < self.n_inputs)
        is_gate = known[at] == ids if len(known) else np.zeros(len(ids), np.bool_)
        missing = ~(is_input | is_gate)
        if missing.any():
            raise self.error(f"{where} reads {ids[np.argmax(missing)]}, which nothing drives")
        found: Integers = np.where(is_input, ids + 2, nodes[at] if len(known) else 0)
        return found


def _fanins(circuit: _Circuit, node: tuple[Integers, Integers]) -> Integers:
    """Node ids (n, 2); constant 0 where the operation ignores it."""
    columns = []
    for ids, ignored in (
        (circuit.in0, _IGNORES_A[circuit.table]),
        (circuit.in1, _IGNORES_B[circuit.table]),
    ):
        column = np.zeros(len(ids), np.int64)
        column[~ignored] = circuit.find(node, ids[~ignored], "a gate")
        columns.append(column)
    fanin = np.stack(columns, axis=1)
    early = fanin >= np.arange(len(fanin))[:, None] + 2 + circuit.n_inputs
    if early.any():
        gate = circuit.gate_id[np.argmax(early.any(axis=1))]
        raise circuit.error(
            f"gate {gate} reads a gate that comes after it, or itself; torchlogix evaluates in the "
            "order of the file"
        )
    return fanin


def _readout(circuit: _Circuit, given: GivenFacts) -> tuple[Readout, list[Fact]]:
    """score = (sum + beta) / tau, a beta for each class: whole parts become the bias."""
    sums = circuit.sums
    circuit.source.agree("classes", len(sums), given.classes)
    taus = {sum_.tau for sum_ in sums}
    if len(taus) > 1:
        raise circuit.error(
            f"sums have different tau ({', '.join(f'{tau:g}' for tau in sorted(taus)[:4])}); one "
            "is needed for all"
        )
    tau = circuit.source.agree("tau", taus.pop(), given.tau)
    betas = np.array([sum_.beta for sum_ in sums])
    common = float(betas[0] - np.floor(betas[0]))
    bias = np.round(betas - common)
    if (np.abs(betas - common - bias) > MAX_DRIFT).any():
        raise circuit.error("the beta of sums differ by fractions; integer scores cannot hold that")
    sizes = [len(sum_.ids) for sum_ in sums]
    n_terms = sum(sizes)
    readout = Readout(
        kind="class",
        output=np.arange(n_terms, dtype=np.int32),
        klass=np.repeat(np.arange(len(sums), dtype=np.int32), sizes),
        weight=np.ones(n_terms, np.int32),
        bias=bias.astype(np.int64),
        tau=tau,
        beta=common,
    )
    text = f"{len(sums)} sums, tau {tau:g}, beta {betas.min():g} to {betas.max():g}"
    return readout, [Fact("readout", text, "from checkpoint")]


def _parse(source: Source) -> _Circuit:
    try:
        content = json.loads(source.data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source.path}: not a JSON file: {error}") from error
    where = str(source.path)
    if not isinstance(content, dict):
        raise InputError(f"{where}: not a circuit of torchlogix")
    n_inputs = _field(content, "n_inputs", int, where)
    shape = _integers(_field(content, "input_shape", list, where), f"{where}: input_shape")
    if n_inputs < 0 or math.prod(map(int, shape)) != n_inputs:
        raise InputError(f"{where}: {n_inputs} inputs do not fill input_shape {shape.tolist()}")
    gates = _field(content, "gates", list, where)
    names = [_field(gate, "op", str, f"{where}: a gate") for gate in gates]
    unknown = sorted(set(names) - set(OPERATIONS))
    if unknown:
        raise InputError(f"{where}: unknown operation {unknown[0]!r}")
    outputs = _integers(_field(content, "outputs", list, where), f"{where}: outputs")
    sums = {}
    for entry in _field(content, "sum_nodes", list, where) if "sum_nodes" in content else []:
        inside = f"{where}: a sum"
        node = _field(entry, "node_id", int, inside)
        if node in sums or 0 <= node < n_inputs:
            raise InputError(f"{where}: sum {node} is there twice, or has the id of an input")
        ids = _integers(_field(entry, "input_ids", list, inside), f"{where}: sum {node}")
        tau, beta = (_number(entry, key, f"{where}: sum {node}") for key in ("tau", "beta"))
        if tau <= 0:
            raise InputError(f"{where}: sum {node}: tau is {tau:g}; it must be above 0")
        sums[node] = _Sum(ids.tolist(), tau, beta)
    columns = [
        _integers([gate.get(key) for gate in gates], f"{where}: {key} of gates")
        for key in ("gate_id", "in0", "in1")
    ]
    both = sums.keys() & set(columns[0].tolist())
    if both:
        raise InputError(f"{where}: {both.pop()} is both a gate and a sum")
    summed = [id_ in sums for id_ in outputs.tolist()]
    if not summed:
        raise InputError(f"{where}: no outputs")
    if any(summed) and not all(summed):
        raise InputError(f"{where}: outputs mix bits and sums; write a circuit of one kind")
    return _Circuit(
        source=source,
        n_inputs=n_inputs,
        gate_id=columns[0],
        table=np.array([OPERATIONS[name] for name in names], np.int32),
        in0=columns[1],
        in1=columns[2],
        outputs=outputs,
        sums=[sums[id_] for id_ in outputs.tolist()] if all(summed) else [],
    )


def _field(table: Any, key: str, kind: type, where: str) -> Any:
    value = table.get(key) if isinstance(table, dict) else None
    if type(value) is not kind:
        raise InputError(f"{where}: {key} is missing or is no {kind.__name__}")
    return value


def _number(table: dict[str, Any], key: str, where: str) -> float:
    value = table.get(key)
    if isinstance(value, int | float) and abs(value) < MAX_BETA and not isinstance(value, bool):
        return float(value)
    raise InputError(f"{where}: {key} is {value!r}; it must be a number")


def _integers(values: list[Any], where: str) -> Integers:
    if not {*map(type, values)} <= {int}:
        raise InputError(f"{where}: all must be integers")
    if values and not -(1 << 31) <= min(values) <= max(values) < 1 << 31:
        raise InputError(f"{where}: {max(values, key=abs)} is out of range")
    return np.array(values, np.int64)


READER = Reader("torchlogix-circuit", recognize, read)
