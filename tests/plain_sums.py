"""LUTs and sums of a plain mapper, as Python lists, one gate at a time.

Full adders and pair compressors, with the leaf gates absorbed as ghosts where they can be. Nothing
of lgncc.mapping but the names of parts is used.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from lgncc.netlist import Netlist

K = 4


class Luts:
    """LUT4s in a list; ghosts apart, named -1, -2, ... until the end."""

    def __init__(self, n_sources):
        self.base = 2 + n_sources
        self.real, self.ghosts, self.part = [], [], []
        self.now = 0  # the part that is being built

    def lut(self, function, *fanins, ghost=False):
        """A LUT of `function(*bits)` over node ids."""
        rows = [function(*row[::-1][: len(fanins)]) for row in product((0, 1), repeat=K)]
        table = sum(int(bool(bit)) << i for i, bit in enumerate(rows))
        entry = (list(fanins) + [0] * (K - len(fanins)), table)
        if ghost:
            self.ghosts.append(entry)
            return -len(self.ghosts)
        self.real.append(entry)
        self.part.append(self.now)
        return self.base + len(self.real) - 1

    def final(self, node):
        return node if node >= 0 else self.base + len(self.real) - 1 - node

    def netlist(self, entries, n_inputs, outputs, next_state, reset):
        return Netlist(
            n_inputs,
            np.array([[self.final(f) for f in fanin] for fanin, _ in entries]).reshape(-1, K),
            np.array([table for _, table in entries], np.uint64),
            [self.final(node) for node in outputs],
            [self.final(node) for node in next_state],
            reset,
        )


class Sums:
    """Logical bits and blocks, in lists."""

    def __init__(self, luts, width, leaf):
        self.luts, self.width, self.leaf = luts, width, leaf
        self.bits, self.blocks = [], []

    def bit(self, klass, column, node, other=0):
        self.bits.append((node, other, klass, column))
        return len(self.bits) - 1

    def node(self, bit):
        """A node that is the bit's value: built where the bit is the XOR of two."""
        node, other = self.bits[bit][:2]
        if other == 0 <= node:
            return node
        if node < 0:
            return self.absorbed(node, other)
        if node < 2 and other < 2:
            return node ^ other
        return self.luts.lut(lambda a, b: a ^ b, node, other)

    def absorbed(self, ghost, flip):
        """A LUT for a ghost, complemented where `flip` is 1."""
        fanin, table = self.leaf[ghost]
        return self.luts.lut(lambda a, b: look(table, a, b) ^ flip, *fanin)

    def block(self, inputs, outputs, gates):
        self.blocks.append((inputs, [b for b in outputs if b is not None], gates))

    def carry(self, klass, column, node):
        return self.bit(klass, column, node) if column < self.width else None

    def full_adder(self, bits, klass, column):
        """Two or three bits (any of them a complement) to sum and carry."""
        flips = [self.bits[b][1] for b in bits]
        assert all(f < 2 for f in flips)
        nodes = [self.bits[b][0] for b in bits]

        def total(*values):
            return sum(v ^ f for v, f in zip(values, flips, strict=True))

        s = self.luts.lut(lambda *v: total(*v) & 1, *nodes)
        c = self.luts.lut(lambda *v: total(*v) >> 1, *nodes)
        outputs = [self.bit(klass, column, s), self.carry(klass, column + 1, c)]
        self.block(bits, outputs, [s, c])
        return outputs

    def pair_of(self, x, y):
        """The node x ^ y; of two ghosts it reads their fanins."""
        if x < 0 and y < 0:
            (fx, tx), (fy, ty) = self.leaf[x], self.leaf[y]
            return self.luts.lut(lambda a, b, c, d: look(tx, a, b) ^ look(ty, c, d), *fx, *fy)
        return self.luts.lut(lambda a, b: a ^ b, x, y)

    def compressor(self, z, pairs, klass, column):
        """One bit z and pairs [(bit of x, bit of y, p), ...] to a sum and a carry a pair."""
        lut, so_far, carries, gates = self.luts.lut, self.bits[z][0], [], []
        flip = self.bits[z][1]
        inputs = [z]
        for x_bit, y_bit, p, fresh in pairs:
            inputs += [x_bit, y_bit]
            gates += [g for g in fresh if g not in gates]
            x = self.bits[x_bit][0]
            if x < 0:
                fanin, table = self.leaf[x]
                c = lut(
                    lambda p_, s, a, b, f=flip, t=table: s ^ f if p_ else look(t, a, b),
                    p, so_far, *fanin,
                )  # fmt: skip
            else:
                c = lut(lambda p_, s, x_, f=flip: s ^ f if p_ else x_, p, so_far, x)
            so_far = lut(lambda s, p_, f=flip: s ^ f ^ p_, so_far, p)
            flip = 0
            gates += [c, so_far]
            carries.append(self.carry(klass, column + 1, c))
        outputs = [self.bit(klass, column, so_far), *carries]
        self.block(inputs, outputs, gates)
        return outputs


def look(table, a, b):
    return table >> (a + 2 * b) & 1
