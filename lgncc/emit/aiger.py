"""Netlist to binary AIGER, for ABC and other provers and for `lgncc export`.

Source: A. Biere, K. Heljanko, S. Wieringa, "AIGER 1.9 and Beyond", 2011. A literal is
2 * variable + complement; variables are inputs, then latches, then ANDs.
"""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Integers
from lgncc.builder import to_two_input
from lgncc.gates import XNOR, XOR
from lgncc.netlist import Netlist

# How a gate becomes one AND: complement of each fanin, whether the second is constant
# true instead, whether the first is constant false, and complement of the result. Row
# by truth table; XOR and XNOR take three ANDs and are treated apart.
_COMPLEMENT_A = np.array([0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0])
_COMPLEMENT_B = np.array([0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0])
_READS_A = np.array([0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0], np.bool_)
_READS_B = np.array([0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0], np.bool_)
_COMPLEMENT_OUT = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1])

GROUPS = 5  # of seven bits, for differences below 2**35


def to_aiger(netlist: Netlist, *, combinational: bool = False, symbols: bool = True) -> bytes:
    """The netlist as a binary AIGER file, with a symbol table of the ports or without.

    combinational: state bits become inputs and next states become outputs, after the
    netlist's own, as combinational equivalence checking wants it.
    """
    netlist = to_two_input(netlist)
    literal, rows = _ands(netlist)
    n_latches = 0 if combinational else netlist.n_state
    roots = netlist.roots if combinational else netlist.outputs
    n_sources = netlist.n_inputs + netlist.n_state
    header = (
        f"aig {n_sources + len(rows)} {n_sources - n_latches} {n_latches} {len(roots)} {len(rows)}"
    )
    lines = [header]
    if n_latches:
        next_state = literal[netlist.next_state].tolist()
        lines += [f"{to} {int(reset)}" for to, reset in zip(next_state, netlist.reset, strict=True)]
    lines += map(str, literal[roots].tolist())
    names = _symbols(netlist) if symbols else b""
    return "\n".join(lines).encode() + b"\n" + _deltas(rows, n_sources) + names


def _symbols(netlist: Netlist) -> bytes:
    inputs = (f"i{i} {name}" for i, name in enumerate(netlist.input_names))
    outputs = (f"o{i} {name}" for i, name in enumerate(netlist.output_names))
    return "".join(f"{line}\n" for line in (*inputs, *outputs)).encode()


def _ands(netlist: Netlist) -> tuple[Integers, Integers]:
    """Literal of each node (n_nodes,), and the fanin literals (ands, 2), the larger first."""
    table = netlist.table.astype(np.int64)
    is_xor = (table == XOR) | (table == XNOR)
    count = np.where(is_xor, 3, 1)
    last = np.cumsum(count) - 1  # the AND that carries a gate's result
    n_sources = netlist.first_gate - 2

    complement = _COMPLEMENT_OUT[table]
    variable = np.concatenate([[0, 0], np.arange(1, n_sources + 1), n_sources + 1 + last])
    literal = 2 * variable
    literal[1] = 1
    literal[netlist.first_gate :] += complement

    a, b = literal[netlist.fanin[:, 0]], literal[netlist.fanin[:, 1]]
    rows = np.empty((int(count.sum()), 2), np.int64)
    plain = ~is_xor
    # A wire is AND(x, true); a constant is AND(true, false), complemented for true.
    reads_a, reads_b = _READS_A[table], _READS_B[table]
    first = np.where(reads_a, a ^ _COMPLEMENT_A[table], 1)
    second = np.where(reads_b, b ^ _COMPLEMENT_B[table], np.where(reads_a, 1, 0))
    rows[last[plain]] = np.stack([first, second], axis=1)[plain]
    # a ^ b is NOT(NOT(a & ~b) & NOT(~a & b)).
    at, a, b = last[is_xor], a[is_xor], b[is_xor]
    rows[at - 2] = np.stack([a, b ^ 1], axis=1)
    rows[at - 1] = np.stack([a ^ 1, b], axis=1)
    partial = 2 * (n_sources + 1 + at)
    rows[at] = np.stack([partial - 3, partial - 1], axis=1)
    return literal, np.stack([rows.max(axis=1), rows.min(axis=1)], axis=1)


def _deltas(rows: Integers, n_sources: int) -> bytes:
    """Each AND as two differences, in 7-bit groups, lowest first, high bit for more."""
    own = 2 * (n_sources + 1 + np.arange(len(rows)))
    delta = np.stack([own - rows[:, 0], rows[:, 0] - rows[:, 1]], axis=1).reshape(-1)
    size = np.ones(len(delta), np.int8)
    for group in range(1, GROUPS):
        size += delta >> 7 * group > 0
    first = np.cumsum(size, dtype=np.int64) - size
    octets = np.empty(int(size.sum(dtype=np.int64)), np.uint8)
    for group in range(GROUPS):
        longer = size > group + 1
        octets[first + group] = delta & 0x7F | np.where(longer, 0x80, 0)
        delta, size, first = delta[longer] >> 7, size[longer], first[longer]
    return octets.tobytes()
