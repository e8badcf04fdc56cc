"""A network as a program: the assembler of the `folded` architecture.

One instruction a cycle. The gates run level by level; a value lives in the node memory from the
instruction that writes it to the last that reads it, and then its place is used again, so that the
memory is as deep as the widest cut of the network and no deeper.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers
from lgncc.errors import DesignError
from lgncc.gates import BUF_A, COMPLEMENT_A, COMPLEMENT_B, CONST1, FIX_A0, FIX_B0
from lgncc.hw.readout import class_terms, score_shape
from lgncc.mapping.program import THEN_NEXT, WORD_BITS, WRITE_TO_READ, Op, Program
from lgncc.model import LogicModel
from lgncc.netlist import Netlist


@dataclass(frozen=True, eq=False)
class _Draft:
    """Instructions on nodes instead of addresses; node -1 is none."""

    op: npt.NDArray[np.uint8]
    table: npt.NDArray[np.uint8]
    a: Ids
    b: Ids
    dst: Ids
    immediate: Integers

    def __len__(self) -> int:
        return len(self.op)

    def __getitem__(self, chosen: npt.NDArray[Any]) -> _Draft:
        return _Draft(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _draft(
    op: npt.ArrayLike,
    *,
    table: npt.ArrayLike = 0,
    a: npt.ArrayLike = -1,
    b: npt.ArrayLike = -1,
    dst: npt.ArrayLike = -1,
    immediate: npt.ArrayLike = 0,
) -> _Draft:
    """Instructions from columns that broadcast; constant fanins become part of the table."""
    columns = np.broadcast_arrays(np.atleast_1d(np.asarray(op)), table, a, b, dst, immediate)
    types = (np.uint8, np.uint8, np.int32, np.int32, np.int32, np.int64)
    draft = _Draft(*(np.array(c, dtype=t) for c, t in zip(columns, types, strict=True)))
    for fanin, complement, fix in (
        (draft.a, COMPLEMENT_A, FIX_A0),
        (draft.b, COMPLEMENT_B, FIX_B0),
    ):
        one, constant = fanin == 1, (fanin == 0) | (fanin == 1)
        draft.table[one] = complement[draft.table[one]]
        draft.table[constant] = fix[draft.table[constant]]
        fanin[constant] = -1
    return draft


def assemble(model: LogicModel) -> Program:
    """The program that answers one sample of `model`.

    Raises DesignError where an instruction would be wider than 64 bits.
    """
    netlist = model.netlist
    private = _private_outputs(model)
    segments = [_resets(netlist), _loads(model), *_gates(netlist, private)]
    segments += [_answer(model, private), *_steps(netlist)]
    draft = _spaced(segments, netlist.n_nodes + netlist.n_state)
    address, depth = _allocate(draft, netlist)
    program = Program(
        op=draft.op,
        table=draft.table,
        a=address[draft.a],
        b=address[draft.b],
        dst=address[draft.dst],
        immediate=draft.immediate,
        depth=depth,
        n_loads=len(segments[0]) + len(segments[1]),
    )
    if program.width > WORD_BITS:
        raise DesignError(
            f"folded: an instruction takes {program.width} bits ({depth:,} live values); "
            f"{WORD_BITS} can be built"
        )
    return program


def _private_outputs(model: LogicModel) -> Bits:
    """bool (n_nodes,): gates that one readout term reads and nothing else: they need no memory."""
    netlist, readout = model.netlist, model.readout
    reads = np.bincount(netlist.fanin.ravel(), minlength=netlist.n_nodes)
    reads += np.bincount(netlist.next_state, minlength=netlist.n_nodes)
    terms = netlist.outputs
    if readout.kind != "bits":
        terms = np.repeat(netlist.outputs[readout.output], np.abs(readout.weight))
    read_out = np.bincount(terms, minlength=netlist.n_nodes)
    private: Bits = (reads == 0) & (read_out == 1)
    private[: netlist.first_gate] = False
    return private


def _resets(netlist: Netlist) -> _Draft:
    state = np.arange(netlist.first_state, netlist.first_gate)
    return _draft(np.full(len(state), Op.RESET), dst=state, immediate=netlist.reset)


def _loads(model: LogicModel) -> _Draft:
    """The network's inputs, feature by feature: a feature's last LOAD goes on to the next one, and
    NEXTs pass over those that nothing reads."""
    encoder = model.encoder
    order = np.lexsort((encoder.threshold, encoder.feature))
    feature = encoder.feature[order]
    # The hardware compares unsigned: a signed feature with its sign inverted.
    offset = np.where(encoder.signed, 1 << (encoder.bits.astype(np.int64) - 1), 0)
    threshold = encoder.threshold[order] + offset[feature]
    load = _draft(np.full(len(order), Op.LOAD), dst=2 + order, immediate=np.maximum(threshold, 0))
    always = threshold < 0
    load.op[always], load.table[always] = Op.GATE, CONST1
    skips = np.diff(feature, prepend=0)
    goes_on = np.append(skips[1:] > 0, False)[: len(skips)] & ~always
    load.table[goes_on] = THEN_NEXT
    skips[1:] -= goes_on[:-1]
    at = np.repeat(np.arange(len(order)), skips)
    return _concatenated(
        [load, _draft(np.full(len(at), Op.NEXT))],
        # Each NEXT just before the load that it belongs to.
        np.argsort(np.concatenate([np.arange(len(order)), at - 0.5]), kind="stable"),
    )


def _gates(netlist: Netlist, private: Bits) -> list[_Draft]:
    """The gates of each level that need a place in the memory."""
    segments = []
    for ids in netlist.by_level():
        kept = ids[~private[ids]]
        gates = kept - netlist.first_gate
        a, b = netlist.fanin[gates].T
        segments.append(
            _draft(np.full(len(kept), Op.GATE), table=netlist.table[gates], a=a, b=b, dst=kept)
        )
    return segments


def _answer(model: LogicModel, private: Bits) -> _Draft:
    """COUNTs and a CLASS for each class, or a BIT for each output."""
    readout, netlist = model.readout, model.netlist
    if readout.kind == "bits":
        return _reads(netlist, private, np.full(len(netlist.outputs), Op.BIT), netlist.outputs)
    low, _ = readout.score_range
    base = low if readout.kind == "class" else 0
    modulus = 1 << score_shape(readout).width
    terms = class_terms(readout)
    start = [(class_.constant - base) % modulus for class_ in terms]
    parts = []
    for klass, class_ in enumerate(terms):
        nodes = netlist.outputs[class_.positions]
        count = _reads(netlist, private, np.full(len(nodes), Op.COUNT), nodes)
        count.table[len(class_.plain) :] ^= 0xF
        # The next class, or the first one of the next sample, starts from its constant.
        parts += [count, _draft(Op.CLASS, immediate=start[(klass + 1) % len(start)])]
    return _concatenated(parts)


def first_score(model: LogicModel) -> int:
    """What the first class of the first sample starts from."""
    program = _answer(model, np.zeros(model.netlist.n_nodes, np.bool_))
    return int(program.immediate[program.op == Op.CLASS][-1])


def _reads(netlist: Netlist, private: Bits, op: npt.ArrayLike, nodes: Ids) -> _Draft:
    """Instructions whose value is that of `nodes`; a private gate is computed on the spot."""
    inside = private[nodes]
    gates = np.where(inside, nodes - netlist.first_gate, 0)
    if not netlist.n_gates:
        return _draft(op, table=BUF_A, a=nodes)
    a, b = netlist.fanin[gates].T
    return _draft(
        op,
        table=np.where(inside, netlist.table[gates], BUF_A),
        a=np.where(inside, a, nodes),
        b=np.where(inside, b, -1),
    )


def _steps(netlist: Netlist) -> list[_Draft]:
    """The next states to their places; those that are other states by way of new nodes."""
    state = np.arange(netlist.first_state, netlist.first_gate, dtype=np.int32)
    source = netlist.next_state.copy()
    moved = np.flatnonzero((source >= netlist.first_state) & (source < netlist.first_gate))
    copy = netlist.n_nodes + moved.astype(np.int32)
    saved = _draft(np.full(len(moved), Op.GATE), table=BUF_A, a=source[moved], dst=copy)
    source[moved] = copy
    return [saved, _draft(np.full(len(state), Op.GATE), table=BUF_A, a=source, dst=state)]


def _concatenated(parts: list[_Draft], order: npt.NDArray[Any] | None = None) -> _Draft:
    columns = ([getattr(part, field.name) for part in parts] for field in fields(_Draft))
    draft = _Draft(*map(np.concatenate, columns))
    return draft if order is None else draft[order]


def _spaced(segments: list[_Draft], n_nodes: int) -> _Draft:
    """The segments one after the other, WRITE_TO_READ kept by order inside GATE segments and NOPs.

    No instruction reads what another one of its own segment writes.
    """
    written = np.full(n_nodes + 1, -WRITE_TO_READ, np.int64)  # the last one is node -1
    start = 0
    positions = []
    ordered = []
    for segment in segments:
        ready = np.maximum(written[segment.a], written[segment.b]) + WRITE_TO_READ
        order = np.arange(len(segment))
        if (segment.op == Op.GATE).all():
            order = np.argsort(ready, kind="stable")
        index = np.arange(len(segment))
        position = index + np.maximum.accumulate(np.maximum(ready[order] - index, start))
        ordered.append(segment[order])
        positions.append(position)
        written[ordered[-1].dst] = position
        written[-1] = -WRITE_TO_READ
        start = int(position.max(initial=start - 1)) + 1
    spaced = _draft(np.full(start, Op.NOP))
    at = np.concatenate(positions)
    for field in fields(_Draft):
        getattr(spaced, field.name)[at] = np.concatenate([getattr(o, field.name) for o in ordered])
    return spaced


ALLOCATED_AT_ONCE = 64


def _allocate(draft: _Draft, netlist: Netlist) -> tuple[Ids, int]:
    """The address of each node, and the depth of the memory. State keeps its place for ever.

    A place is free again after the last read of its value; places are handed out for
    ALLOCATED_AT_ONCE instructions together, so that this is no loop over instructions.
    """
    n_nodes = netlist.n_nodes + netlist.n_state
    index = np.arange(len(draft))
    last = np.full(n_nodes + 1, -1, np.int64)
    for column in (draft.dst, draft.a, draft.b):
        np.maximum.at(last, column, index)
    address = np.zeros(n_nodes + 1, np.int32)
    state = slice(netlist.first_state, netlist.first_gate)
    address[state] = np.arange(netlist.n_state)
    pinned = np.zeros(n_nodes + 1, np.bool_)
    pinned[state] = True
    pinned[-1] = True

    values = draft.dst[~pinned[draft.dst]]
    dying = values[np.argsort(last[values], kind="stable")]
    death = last[dying]
    depth, freed = netlist.n_state, 0
    free = np.zeros(0, np.int32)
    for start in range(0, len(draft), ALLOCATED_AT_ONCE):
        dead = int(np.searchsorted(death, start))
        free = np.concatenate([free, address[dying[freed:dead]]])
        freed = dead
        born = draft.dst[start : start + ALLOCATED_AT_ONCE]
        born = born[~pinned[born]]
        missing = max(len(born) - len(free), 0)
        free = np.concatenate([free, np.arange(depth, depth + missing, dtype=np.int32)])
        depth += missing
        address[born], free = free[len(free) - len(born) :], free[: len(free) - len(born)]
    address[-1] = 0
    return address, max(depth, 1)
