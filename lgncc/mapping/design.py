"""What mapping makes: a whole model as one LUT netlist, and what a proof of it needs to know.

The readout of a mapped design is built from compressors that no general equivalence checker can
compare with another popcount. So the mapper says which logical bits there are, how each is carried
by the LUTs, and which compressor consumes it; `lgncc.verify.mapped` believes none of that and
checks all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers, freeze
from lgncc.model import LogicModel
from lgncc.netlist import Netlist

Part = Literal["encoder", "network", "readout"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, eq=False)
class NormalForm:
    """The readout as unsigned words to add up, one a class:

        word[c] = constant[c] + sum over the terms t of class c of 2**column[t] * bit(t)
        bit(t)  = value of node[t] of the model's netlist, complemented where inverted[t]

    Every word is in 0 .. 2**width - 1 for every sample. For a readout of kind "scores" the word is
    the true score modulo 2**width. For kind "class" all words of a sample differ from the true
    scores by one and the same number (which may depend on the sample: terms that all classes share
    are left out), so that the argmax is the same.

    node: int32 (T,), input, state or gate ids, never a constant; inverted: bool (T,);
    klass, column: int32 (T,); constant: int64 (C,), never negative.
    """

    node: Ids
    inverted: Bits
    klass: Ids
    column: Ids
    constant: Integers
    width: int

    def __post_init__(self) -> None:
        freeze(
            self,
            node=np.int32,
            inverted=np.bool_,
            klass=np.int32,
            column=np.int32,
            constant=np.int64,
        )


@dataclass(frozen=True, eq=False)
class Ragged:
    """Lists of int32 in one array: list i is `values[start[i] : start[i + 1]]`."""

    start: Ids
    values: Ids

    def __post_init__(self) -> None:
        freeze(self, start=np.int32, values=np.int32)

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, index: int) -> Ids:
        return self.values[self.start[index] : self.start[index + 1]]


@dataclass(frozen=True, eq=False)
class Compression:
    """How the LUTs add up the words of a NormalForm.

    A logical bit is one bit of one class at one weight. Its value is the exclusive or of two nodes
    of `extended`, `nodes[b, 0] ^ nodes[b, 1]`; a plain bit has the constant 0 as its second node,
    a complemented one the constant 1, the other half of a pair (x, x ^ y) has both. A constant one
    is a logical bit (1, 0).

    A block consumes logical bits and makes others of the same class, and owns some gates: it holds

        sum of 2**column over its inputs that are 1 = the same over its outputs   (mod 2**width)

    for every value of the nodes that its gates read and that are not its own.

    extended: the LUT netlist of the design and then the ghosts, gates that are not built but say
        what a LUT absorbed (a leaf gate inside a compressor's LUT, say). Ghosts come last.
    nodes: int32 (B, 2); klass, column: int32 (B,).
    leaf: int32 (T,), the logical bit of each term of the NormalForm; constants: int32, the logical
        bits that carry the NormalForm's constants.
    inputs, outputs, gates: of each block: logical bits, logical bits, node ids of `extended`. A
        gate may belong to several blocks. Outputs at column `width` and above need not be made.
    word: int32 (C, width), the logical bits of each class's word, -1 where the bit is always 0.

    Every logical bit is consumed once: as a block's input or as a bit of a word at its column.
    """

    extended: Netlist
    nodes: Ids
    klass: Ids
    column: Ids
    leaf: Ids
    constants: Ids
    inputs: Ragged
    outputs: Ragged
    gates: Ragged
    word: Ids

    def __post_init__(self) -> None:
        freeze(
            self,
            nodes=np.int32,
            klass=np.int32,
            column=np.int32,
            leaf=np.int32,
            constants=np.int32,
            word=np.int32,
        )


@dataclass(frozen=True, eq=False)
class MappedDesign:
    """A model as LUTs, from the packed input vector to the answer.

    model: what is implemented, after its passes.
    luts: k = 4 or 6. Inputs: the packed features, feature 0 lowest, and with state `first` above
        them (`model.step_width` bits); state: the model's, which counts as its reset values where
        `first` is 1, so that its registers need no reset. Outputs: the payload of
        `lgncc.hw.readout`: the class, the scores (class 0 lowest) or the network's outputs; next
        states. A gate that reads fewer than k fanins repeats constant 0 in the others.
    part: uint8 (n_gates,), index into PARTS of each LUT.
    form, compression: None for a readout of kind "bits".
    """

    model: LogicModel
    luts: Netlist
    part: npt.NDArray[np.uint8]
    form: NormalForm | None
    compression: Compression | None

    def __post_init__(self) -> None:
        freeze(self, part=np.uint8)
