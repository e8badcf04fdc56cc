"""The answer of a class readout as LUTs over its words: the argmax, mapped apart from all else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.builder import NetlistBuilder
from lgncc.mapping.abc import map_luts
from lgncc.mapping.argmax import argmax_gates
from lgncc.mapping.luts import LutWriter
from lgncc.netlist import Netlist

BUFFER = 0b10
FIRST_REAL = 4  # literals below are the constants 0, 1 and their complements


@dataclass(frozen=True, eq=False)
class Argmax:
    """LUTs whose inputs are those literals of the words, class by class, that `real` (C, width)
    marks: the others are constants. script: what mapped them."""

    script: str
    real: Bits
    luts: Netlist

    def depth(self, level: Integers) -> int:
        """LUT levels up to the class; level: int64 (C, width), those of the words."""
        levels = [0, 0, *level[self.real].tolist()]
        for fanin in self.luts.fanin.tolist():
            levels.append(1 + max(levels[node] for node in fanin if node > 1))
        return max((levels[node] for node in self.luts.outputs.tolist()), default=0)

    def write(self, writer: LutWriter, words: Integers) -> list[int]:
        """The nodes of the class's bits; words: literals (C, width)."""
        literals = [0, 2, *words[self.real].tolist()]
        for table, fanin in zip(self.luts.table.tolist(), self.luts.fanin.tolist(), strict=True):
            literals.append(2 * writer.lut(table, [literals[node] for node in fanin]))
        return [as_node(writer, literals[output]) for output in self.luts.outputs.tolist()]


def map_argmax(words: Integers, k: int, script: str, few: int) -> Argmax:
    """words: literals (C, width), of which only the constants matter. A class alone is one bit
    that is always 0."""
    constants = np.where(words < FIRST_REAL, words, -1).astype(np.int64)
    return _mapped(constants.tobytes(), words.shape, k, script, few)


@lru_cache(maxsize=32)  # a search asks for the same again and again
def _mapped(constants: bytes, shape: tuple[int, int], k: int, script: str, few: int) -> Argmax:
    """constants: int64 (C, width), -1 where a bit is none."""
    words = np.frombuffer(constants, np.int64).reshape(shape)
    real = words < 0
    builder = NetlistBuilder(int(real.sum()))
    nodes = (words >> 1 ^ words & 1).astype(np.int32)
    nodes[real] = builder.inputs
    index = argmax_gates(builder, nodes, few)
    outputs = index if len(index) else np.zeros(1, np.int32)
    return Argmax(script, real, map_luts(builder.finish(outputs), k, script=script))


def as_node(writer: LutWriter, literal: int) -> int:
    """A literal as a node: a complement takes a LUT."""
    return writer.lut(BUFFER, [literal]) if literal & 1 else literal >> 1
