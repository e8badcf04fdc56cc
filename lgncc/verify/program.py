"""Rung "mapping" of a folded design: the program computes the model, proved by ABC.

The words of the program are executed symbolically: each read of an address is the last write to it
that the pipeline lets it see. That gives a netlist again, whose terms, class by class, and next
states are compared with the model's. The processor itself is hardware, which simulation covers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Ids, Integers, Words
from lgncc.builder import NetlistBuilder
from lgncc.hw.readout import class_terms, score_shape
from lgncc.mapping.program import OP_BITS, TABLE_BITS, THEN_NEXT, WRITE_TO_READ, Op, Program
from lgncc.model import LogicModel
from lgncc.netlist import Netlist
from lgncc.verify.comparison import Comparison, describe_sample
from lgncc.verify.lemma import Proof, RefutedError, prove
from lgncc.verify.reference import append_cone, append_encoder, complement_where, source_ids
from lgncc.verify.rung import Rung

RUNG = "mapping"
WRITES, TERMS, VALUES = "writes", "terms", "values"
UNWRITTEN = -1


@dataclass(frozen=True, eq=False)
class Executed:
    """The program's words as columns; source_a, source_b: the instruction whose write is read,
    or UNWRITTEN; state bits stand in their addresses before the first write."""

    op: Integers
    table: Words
    dst: Integers
    a: Integers
    b: Integers
    immediate: Integers
    source_a: Integers
    source_b: Integers


def check_program(model: LogicModel, program: Program) -> Rung:
    """The rung of the ladder. Raises RefutedError where the program is wrong."""
    run = execute(program)
    lemmas = (
        prove(WRITES, lambda: check_writes(model, run)),
        prove(TERMS, lambda: check_terms(model, run)),
        compare_values(model, run).prove(),
    )
    return Proof(lemmas).rung(RUNG)


def execute(program: Program) -> Executed:
    """Decode the words and find, for each read, the write that it sees."""
    words, wide = program.words, program.address_bits

    def field(start: int, bits: int) -> Integers:
        mask = np.uint64((1 << bits) - 1)
        return (words >> np.uint64(start) & mask).astype(np.int64)

    at = OP_BITS + TABLE_BITS
    op, dst = field(0, OP_BITS), field(at, wide)
    a, b = field(at + wide, wide), field(at + 2 * wide, wide)
    writes = np.flatnonzero(np.isin(op, (Op.GATE, Op.LOAD, Op.RESET)))
    span = len(words) + 1
    key = dst[writes] * span + writes
    order = np.argsort(key)

    def source(address: Integers) -> Integers:
        # The latest write to the address that is at least WRITE_TO_READ instructions back.
        latest = address * span + np.arange(len(words)) - WRITE_TO_READ
        position = np.searchsorted(key[order], latest, side="right") - 1
        found = writes[order][np.maximum(position, 0)]
        hit = (position >= 0) & (dst[found] == address)
        return np.where(hit, found, UNWRITTEN)

    return Executed(
        op=op,
        table=field(OP_BITS, TABLE_BITS).astype(np.uint64),
        dst=dst,
        a=a,
        b=b,
        immediate=field(at + wide, program.immediate_bits),
        source_a=source(a),
        source_b=source(b),
    )


def _reading(run: Executed) -> tuple[Bits, Bits]:
    """Which instructions depend on a, and which on b."""
    computes = np.isin(run.op, (Op.GATE, Op.COUNT, Op.BIT))
    t = run.table.astype(np.int64)
    on_a = ((t >> 1 ^ t) & 0b0101) != 0
    on_b = ((t >> 2 ^ t) & 0b0011) != 0
    return computes & on_a, computes & on_b


def check_writes(model: LogicModel, run: Executed) -> str:
    """Every value that is read was written, or is a state bit's of the step before; each feature
    is there when it is compared."""
    n_state = model.netlist.n_state
    for reads, source, address in zip(
        _reading(run), (run.source_a, run.source_b), (run.a, run.b), strict=True
    ):
        wrong = reads & (source == UNWRITTEN) & (address >= n_state)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise RefutedError(WRITES, f"instruction {at} reads {address[at]}, which is unwritten")
    _check_pace(run)
    resets = np.flatnonzero(run.op == Op.RESET)
    if not (
        np.array_equal(run.dst[resets], np.arange(n_state))
        and np.array_equal(run.immediate[resets], model.netlist.reset)
    ):
        raise RefutedError(WRITES, "the first step of a sequence does not begin from the resets")
    if int(_goes_on(run).sum()) >= max(model.encoder.n_features, 1):
        raise RefutedError(WRITES, "there are more steps between features than features")
    return f"{len(run.op):,} instructions"


def _check_pace(run: Executed) -> None:
    """No instruction reads what one less than WRITE_TO_READ before it writes: slow memories would
    show the new value, fast ones the old."""
    reads_a, reads_b = _reading(run)
    writes = np.isin(run.op, (Op.GATE, Op.LOAD, Op.RESET))
    for back in range(1, WRITE_TO_READ):
        written, wrote = run.dst[:-back], writes[:-back]
        early = reads_a[back:] & (run.a[back:] == written)
        early |= reads_b[back:] & (run.b[back:] == written)
        if (early & wrote).any():
            at = int(np.argmax(early & wrote)) + back
            raise RefutedError(WRITES, f"instruction {at} reads what {at - back} is just writing")


def _goes_on(run: Executed) -> Bits:
    """Which instructions leave the next feature in front."""
    goes_on: Bits = (run.op == Op.NEXT) | ((run.op == Op.LOAD) & (run.table == THEN_NEXT))
    return goes_on


def check_terms(model: LogicModel, run: Executed) -> str:
    """As many COUNTs and CLASSes, in their order, as the readout has terms and classes."""
    readout = model.readout
    counted = np.flatnonzero(np.isin(run.op, (Op.COUNT, Op.CLASS, Op.BIT)))
    if readout.kind == "bits":
        wanted = [Op.BIT] * len(model.netlist.outputs)
    else:
        terms = class_terms(readout)
        wanted = [op for one in terms for op in (*[Op.COUNT] * len(one.positions), Op.CLASS)]
        base = readout.score_range[0] if readout.kind == "class" else 0
        start = [(one.constant - base) % (1 << score_shape(readout).width) for one in terms]
        ends = run.immediate[run.op == Op.CLASS].tolist()
        if ends != start[1:] + start[:1]:
            raise RefutedError(TERMS, "a class does not start from its constant")
    if run.op[counted].tolist() != wanted:
        raise RefutedError(TERMS, "the classes do not count as many terms as the readout has")
    return f"{len(wanted):,} in the order of the classes"


def compare_values(model: LogicModel, run: Executed) -> Comparison:
    """What is counted or answered, and the state that is left behind, against the model."""
    netlist, readout, encoder = model.netlist, model.readout, model.encoder
    reference = NetlistBuilder(encoder.input_width, netlist.n_state)
    roots, inverted = _terms(model)
    bits = append_encoder(reference, encoder, reference.inputs)
    known_as = np.concatenate([bits, reference.state])
    wanted = append_cone(
        reference,
        netlist,
        np.concatenate([roots, netlist.next_state]),
        source_ids(netlist),
        known_as,
    )
    wanted[: len(roots)] = complement_where(reference, wanted[: len(roots)], inverted)

    ours = NetlistBuilder(encoder.input_width, netlist.n_state)
    value = _values(model, run, ours)
    counted = np.flatnonzero(np.isin(run.op, (Op.COUNT, Op.BIT)))
    kept = _left_behind(run, netlist.n_state)
    final = np.concatenate([value[counted], value[kept]])

    def name(root: int) -> str:
        if root >= len(counted):
            return f"next state {root - len(counted)}"
        return f"term {root} (instruction {counted[root]})"

    return Comparison(
        VALUES,
        _combinational(reference, wanted),
        _combinational(ours, final),
        name,
        lambda found: describe_sample(encoder, found),
        f"{len(counted):,} values and {netlist.n_state:,} next states by ABC"
        + ("" if readout.kind == "bits" else ", counted class by class"),
    )


def _terms(model: LogicModel) -> tuple[Ids, Bits]:
    """The nodes that the readout counts, in order, and which of them complemented."""
    if model.readout.kind == "bits":
        return model.netlist.outputs, np.zeros(len(model.netlist.outputs), np.bool_)
    terms = class_terms(model.readout)
    inverted = [np.repeat([False, True], [len(t.plain), len(t.negated)]) for t in terms]
    positions = np.concatenate([one.positions for one in terms])
    return model.netlist.outputs[positions], np.concatenate(inverted)


def _values(model: LogicModel, run: Executed, builder: NetlistBuilder) -> Ids:
    """The node of each instruction's value, -1 where it has none; the last one is no instruction.

    Instructions whose sources are known become nodes together, so that this takes a round a level.
    """
    n_state = model.netlist.n_state
    value = np.full(len(run.op) + 1, -1, np.int32)
    loads = np.flatnonzero(run.op == Op.LOAD).astype(np.int32)
    value[loads] = _compared(model, run, builder, loads)
    # Outside the first step a RESET leaves what was there.
    resets = np.flatnonzero(run.op == Op.RESET)
    value[resets] = builder.state[run.dst[resets]]
    computes = np.isin(run.op, (Op.GATE, Op.COUNT, Op.BIT))
    reads_a, reads_b = _reading(run)

    def fanin(chosen: Ids, reads: Bits, source: Integers, address: Integers) -> Ids:
        at = np.where(reads[chosen], source[chosen], -1)
        nodes = np.where(at >= 0, value[at], 0)
        before = reads[chosen] & (source[chosen] == UNWRITTEN)
        if n_state:
            state = builder.state[np.minimum(address[chosen], n_state - 1)]
            nodes = np.where(before, state, nodes)
        return nodes.astype(np.int32)

    waiting = np.flatnonzero(computes).astype(np.int32)
    while len(waiting):
        known = np.ones(len(waiting), np.bool_)
        for reads, source in ((reads_a, run.source_a), (reads_b, run.source_b)):
            at = source[waiting]
            known &= ~reads[waiting] | (at == UNWRITTEN) | (value[at] >= 0)
        if not known.any():
            raise RefutedError(VALUES, f"instruction {waiting[0]} reads a value not yet computed")
        ready = waiting[known]
        value[ready] = builder.gates(
            run.table[ready],
            fanin(ready, reads_a, run.source_a, run.a),
            fanin(ready, reads_b, run.source_b, run.b),
        )
        waiting = waiting[~known]
    return value


def _compared(model: LogicModel, run: Executed, builder: NetlistBuilder, loads: Ids) -> Ids:
    """LOADs: the feature that is in front, as the hardware compares it, unsigned."""
    encoder = model.encoder
    goes_on = _goes_on(run)
    feature: Ids = (np.cumsum(goes_on) - goes_on)[loads].astype(np.int32)
    offset = np.where(encoder.signed, 1 << (encoder.bits.astype(np.int64) - 1), 0)
    compared = type(encoder)(
        bits=encoder.bits,
        signed=encoder.signed,
        fraction=encoder.fraction,
        feature=feature,
        threshold=run.immediate[loads] - offset[feature],
    )
    return append_encoder(builder, compared, builder.inputs)


def _left_behind(run: Executed, n_state: int) -> Integers:
    """The last write to each state bit's address."""
    last = np.full(n_state, UNWRITTEN)
    writes = np.flatnonzero(np.isin(run.op, (Op.GATE, Op.LOAD, Op.RESET)) & (run.dst < n_state))
    np.maximum.at(last, run.dst[writes], writes)
    return last


def _combinational(builder: NetlistBuilder, roots: Ids) -> Netlist:
    netlist = builder.finish(roots, next_state=builder.state, reset=np.zeros(len(builder.state)))
    n_inputs = netlist.n_inputs + netlist.n_state
    return Netlist(n_inputs, netlist.fanin, netlist.table, netlist.outputs)
