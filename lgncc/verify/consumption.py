"""Lemmas "well formed" and "consumption": what a Compression's lists say of each logical bit.

Every bit is made once and consumed once, so that the identities of all blocks of a class, added
up, leave: leaves + constants = word (mod 2**width).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers
from lgncc.mapping.design import Compression, MappedDesign, NormalForm, Ragged
from lgncc.verify.lemma import RefutedError
from lgncc.wording import counted

FORMED, CONSUMED = "well formed", "consumption"
MAX_COLUMNS = 62  # words are added up in int64


def check_formed(design: MappedDesign) -> str:
    """Ports fit the model, lists fit each other, and `extended` begins with `luts`.

    Ghosts come after all real gates, so that no gate and no output of `luts` can read one.
    """
    model, luts = design.model, design.luts
    if luts.n_inputs != model.step_width:
        raise RefutedError(
            FORMED, f"{luts.n_inputs} inputs for an input vector of {model.step_width} bits"
        )
    if not np.array_equal(luts.reset, model.netlist.reset):
        raise RefutedError(FORMED, "the state's reset values are not the model's")
    detail = f"{luts.n_gates:,} LUT{luts.k}"
    if model.readout.kind == "bits":
        return detail
    form, compression = design.form, design.compression
    if form is None or compression is None:
        raise RefutedError(FORMED, "a readout without its normal form or its compression")
    _check_form(form, model.netlist.n_nodes, model.readout.n_classes)
    _check_lists(compression, len(form.node), (model.readout.n_classes, form.width))
    extended, n = compression.extended, luts.n_gates
    if (extended.n_inputs, extended.n_state, extended.k) != (luts.n_inputs, luts.n_state, luts.k):
        raise RefutedError(FORMED, "`extended` has other ports or another k than `luts`")
    if extended.n_gates < n:
        raise RefutedError(FORMED, f"`extended` has {extended.n_gates} gates, `luts` {n}")
    different = (extended.fanin[:n] != luts.fanin).any(axis=1) | (extended.table[:n] != luts.table)
    if different.any():
        gate = luts.first_gate + int(np.argmax(different))
        raise RefutedError(FORMED, f"gate n{gate} of `extended` is not that of `luts`")
    return f"{detail}, {counted(extended.n_gates - n, 'ghost')}"


def _check_form(form: NormalForm, n_nodes: int, classes: int) -> None:
    terms = {"node": form.node, "inverted": form.inverted, "klass": form.klass}
    for name, array in (terms | {"column": form.column}).items():
        if array.shape != (len(form.node),):
            raise RefutedError(FORMED, f"form.{name} has shape {array.shape}")
    if form.constant.shape != (classes,):
        raise RefutedError(FORMED, f"{len(form.constant)} constants for {classes} classes")
    if not 1 <= form.width <= MAX_COLUMNS:
        raise RefutedError(FORMED, f"words of {form.width} bits; 1 to {MAX_COLUMNS} can be checked")
    _within("form.node", form.node, 2, n_nodes)
    _within("form.klass", form.klass, 0, classes)
    _within("form.column", form.column, 0, MAX_COLUMNS)


def _check_lists(compression: Compression, terms: int, words: tuple[int, int]) -> None:
    n_bits = len(compression.nodes)
    shapes = {
        "nodes": (n_bits, 2),
        "klass": (n_bits,),
        "column": (n_bits,),
        "leaf": (terms,),
        "constants": (compression.constants.size,),
        "word": words,
    }
    for name, shape in shapes.items():
        found = getattr(compression, name).shape
        if found != shape:
            raise RefutedError(FORMED, f"compression.{name} has shape {found}; it must be {shape}")
    extended = compression.extended
    _within("compression.nodes", compression.nodes, 0, extended.n_nodes)
    _within("compression.klass", compression.klass, 0, words[0])
    _within("compression.column", compression.column, 0, MAX_COLUMNS)
    _within("compression.leaf", compression.leaf, 0, n_bits)
    _within("compression.constants", compression.constants, 0, n_bits)
    _within("compression.word", compression.word, -1, n_bits)
    blocks = len(compression.inputs)
    for name, top, low in (
        ("inputs", n_bits, 0),
        ("outputs", n_bits, 0),
        ("gates", extended.n_nodes, extended.first_gate),
    ):
        ragged: Ragged = getattr(compression, name)
        start = ragged.start
        if len(start) != blocks + 1 or start[0] != 0 or start[-1] != len(ragged.values):
            raise RefutedError(FORMED, f"compression.{name}: not {blocks} lists of all its values")
        if (np.diff(start) < 0).any():
            raise RefutedError(FORMED, f"compression.{name}: a list of less than nothing")
        _within(f"compression.{name}", ragged.values, low, top)


def _within(name: str, values: npt.NDArray[np.int32], low: int, top: int) -> None:
    wrong = (values < low) | (values >= top)
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        found = values[tuple(at)]
        raise RefutedError(FORMED, f"{name}{at} is {found}; it must be {low} to {top - 1}")


def check_consumption(form: NormalForm, compression: Compression) -> str:
    """Returns the detail; raises RefutedError. Takes what `check_formed` accepted."""
    klass, column, word = compression.klass, compression.column, compression.word
    n_bits, width = len(klass), form.width
    carried = word >= 0
    in_word = word[carried]

    counts = column < width  # a bit at `width` or above is 0 modulo 2**width
    made = _times(n_bits, compression.leaf, compression.constants, compression.outputs.values)
    consumed = _times(n_bits, compression.inputs.values, in_word)
    _first(counts & (made != 1), compression, lambda bit: f"is made {made[bit]} times")
    _first(counts & (consumed != 1), compression, lambda bit: f"is consumed {consumed[bit]} times")

    of_class, at = np.nonzero(carried)
    wrong = (klass[in_word] != of_class) | (column[in_word] != at)
    _first(_marked(n_bits, in_word[wrong]), compression, lambda _: "is in another word or column")
    leaf = compression.leaf
    wrong = (klass[leaf] != form.klass) | (column[leaf] != form.column)
    _first(
        _marked(n_bits, leaf[wrong]), compression, lambda _: "is a term of another class or weight"
    )
    _check_classes(compression)
    _check_constants(form, compression)
    return f"{n_bits:,} bits made once and consumed once"


def _first(wrong: Bits, compression: Compression, what: Callable[[int], str]) -> None:
    """Refute where a bit is marked, in words about the first one."""
    if wrong.any():
        bit = int(np.argmax(wrong))
        place = f"class {compression.klass[bit]}, column {compression.column[bit]}"
        raise RefutedError(CONSUMED, f"bit {bit} ({place}) {what(bit)}")


def _times(n_bits: int, *lists: Ids) -> Integers:
    return np.bincount(np.concatenate(lists), minlength=n_bits)


def _marked(n_bits: int, bits: Ids) -> Bits:
    marks = np.zeros(n_bits, np.bool_)
    marks[bits] = True
    return marks


def _check_classes(compression: Compression) -> None:
    """All bits of a block are of one class."""
    bits = np.concatenate([compression.inputs.values, compression.outputs.values])
    block = np.concatenate(
        [
            np.repeat(np.arange(len(ragged)), np.diff(ragged.start))
            for ragged in (compression.inputs, compression.outputs)
        ]
    )
    klass = compression.klass[bits]
    of_block = np.zeros(len(compression.inputs), np.int32)
    of_block[block] = klass  # of one of its bits
    wrong = klass != of_block[block]
    if wrong.any():
        raise RefutedError(
            CONSUMED, f"block {block[np.argmax(wrong)]} has bits of different classes"
        )


def _check_constants(form: NormalForm, compression: Compression) -> None:
    """The constant bits add up to the constants of the form."""
    nodes = compression.nodes[compression.constants]
    varies = (nodes > 1).any(axis=1)
    _first(
        _marked(len(compression.klass), compression.constants[varies]),
        compression,
        lambda _: "is a constant, but its nodes are not",
    )
    ones = compression.constants[nodes[:, 0] != nodes[:, 1]]
    modulus = 1 << form.width
    found = [0] * len(form.constant)
    for klass, column in zip(
        compression.klass[ones].tolist(), compression.column[ones].tolist(), strict=True
    ):
        found[klass] += 1 << column
    for index, constant in enumerate(form.constant.tolist()):
        if (found[index] - constant) % modulus:
            raise RefutedError(
                CONSUMED, f"class {index}: constant bits of {found[index]} for {constant}"
            )
