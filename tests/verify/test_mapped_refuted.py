"""The compositional proof: every lemma can fail, and says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exhaustive import samples
from mapped_answers import answers_rightly, design_of
from mapped_designs import map_plainly

from lgncc.encoder import Encoder
from lgncc.mapping.design import Ragged
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.verify.lemma import RefutedError
from lgncc.verify.mapped import check_mapped, prove_mapped


def changed(array, where, value):
    array = array.copy()
    array[where] = value
    return array


def with_form(design, **change):
    return replace(design, form=replace(design.form, **change))


def with_compression(design, **change):
    return replace(design, compression=replace(design.compression, **change))


def with_luts(design, **change):
    """The same change to `luts` and to the beginning of `extended`."""
    luts, extended = replace(design.luts, **change), design.compression.extended
    n = luts.n_gates
    extended = replace(
        extended,
        fanin=np.concatenate([luts.fanin, extended.fanin[n:]]),
        table=np.concatenate([luts.table, extended.table[n:]]),
    )
    return replace(design, luts=luts, compression=replace(design.compression, extended=extended))


def without(ragged, index):
    """The ragged lists less their value `index`."""
    start = ragged.start - (ragged.start > index)
    return Ragged(start, np.delete(ragged.values, index))


def refuted(design):
    with pytest.raises(RefutedError) as raised:
        prove_mapped(design)
    return raised.value.lemma, str(raised.value)


def test_a_changed_constant_of_the_form_is_refuted_by_its_class():
    design = design_of()
    constant = changed(design.form.constant, 2, design.form.constant[2] + 1)
    lemma, text = refuted(with_form(design, constant=constant))
    assert lemma == "normal form"
    assert text == ("normal form: refuted: class 2: the word has +1 too much, class 0 +0")


def test_a_lost_complement_is_refuted_by_class_and_node():
    design = design_of("scores")
    inverted = changed(design.form.inverted, 3, not design.form.inverted[3])
    lemma, text = refuted(with_form(design, inverted=inverted))
    assert lemma == "normal form"
    assert f"class {design.form.klass[3]}: the word has" in text
    assert f"node {design.form.node[3]} of the model" in text


def test_words_that_may_wrap_are_refuted():
    design = design_of()
    constant = design.form.constant + 8 - design.form.constant.max()
    lemma, text = refuted(with_form(design, constant=constant))
    assert lemma == "normal form"
    assert "past 3 bits" in text


def test_scores_of_another_width_are_refuted():
    design = design_of("scores")
    wider = np.pad(design.compression.word, ((0, 0), (0, 1)), constant_values=-1)
    design = with_compression(with_form(design, width=design.form.width + 1), word=wider)
    assert refuted(design) == (
        "normal form",
        f"normal form: refuted: words of {design.form.width} bits; a score has 4",
    )


def test_a_changed_gate_of_the_network_is_refuted_with_features():
    design = design_of()
    leaves = design.compression.nodes[design.compression.leaf, 0]
    gate = leaves[leaves < design.luts.n_nodes][0] - design.luts.first_gate
    table = design.luts.table
    flipped = changed(design.luts.table, gate, table[gate] ^ np.uint64(0xFFFF))
    lemma, text = refuted(with_luts(design, table=flipped))
    assert lemma == "leaves"
    assert "where the features that are not 0 are " in text
    assert " is wrong" in text


def test_a_changed_compressor_is_refuted_with_its_sums():
    design = design_of()
    gate = design.compression.gates[5][-1] - design.luts.first_gate
    table = changed(design.luts.table, gate, design.luts.table[gate] ^ np.uint64(1))
    lemma, text = refuted(with_luts(design, table=table))
    assert lemma == "blocks"
    assert "blocks: refuted: block 5 of class" in text
    assert "add up to" in text


def test_a_changed_tie_is_refuted_with_the_words():
    design = design_of()
    # The last comparison of the scan: larger at a tie if the lowest bits' is true.
    model = design.model
    lowest_last = map_plainly(model, np.random.default_rng(1), tie_to_last=True)
    assert not answers_rightly(lowest_last, samples(18)[:500])
    lemma, text = refuted(lowest_last)
    assert lemma == "answer"
    assert ", where the words are [" in text


def test_a_bit_used_twice_is_refuted():
    design = design_of()
    inputs = design.compression.inputs
    used = changed(inputs.values, 4, inputs.values[3])
    lemma, text = refuted(with_compression(design, inputs=Ragged(inputs.start, used)))
    assert lemma == "consumption"
    assert "is consumed 2 times" in text or "is consumed 0 times" in text


def test_a_dropped_bit_is_refuted():
    design = design_of()
    lemma, text = refuted(with_compression(design, inputs=without(design.compression.inputs, 4)))
    assert lemma in ("consumption", "blocks")
    assert f"bit {design.compression.inputs.values[4]} " in text
    assert "is consumed 0 times" in text


def test_a_bit_at_a_wrong_column_is_refuted():
    design = design_of()
    column = design.compression.column
    bit = design.compression.outputs.values[7]
    lemma, _ = refuted(with_compression(design, column=changed(column, bit, column[bit] ^ 1)))
    assert lemma in ("consumption", "blocks")


def test_a_word_of_another_class_is_refuted():
    design = design_of()
    word = design.compression.word[[1, 0, 2, 3]]
    lemma, text = refuted(with_compression(design, word=word))
    assert lemma == "consumption"
    assert "is in another word or column" in text


def test_an_extended_netlist_that_is_not_the_luts_is_refuted():
    design = design_of()
    extended = design.compression.extended
    table = changed(extended.table, 3, extended.table[3] ^ np.uint64(1))
    wrong = with_compression(design, extended=replace(extended, table=table))
    gate = design.luts.first_gate + 3
    assert refuted(wrong) == (
        "well formed",
        f"well formed: refuted: gate n{gate} of `extended` is not that of `luts`",
    )


@pytest.mark.parametrize("name", ["nodes", "klass", "column", "leaf", "constants", "word"])
@pytest.mark.parametrize("value", [-2, 1 << 30])
def test_ids_outside_their_lists_are_refuted(name, value):
    design = design_of("scores")
    array = getattr(design.compression, name)
    assert array.size
    wrong = changed(array.reshape(-1), 0, value).reshape(array.shape)
    lemma, text = refuted(with_compression(design, **{name: wrong}))
    assert lemma == "well formed"
    assert f"compression.{name}[0" in text


def counter(kind="class"):
    """Two bits of state that count, and two classes that read them."""
    readouts = {"class": Readout.group_sum(2, 2), "bits": Readout.bits()}
    netlist = Netlist(
        1,
        fanin=[[2, 3], [2, 3], [6, 4], [6, 5]],
        table=[0x6, 0x8, 0x6, 0x8],
        outputs=[7, 8],
        next_state=[5, 7],
        reset=[False, True],
    )
    return LogicModel(Encoder.identity(1), netlist, readouts[kind], Provenance("test"))


@pytest.mark.parametrize(("kind", "lemma"), [("class", "leaves"), ("bits", "outputs")])
def test_a_wrong_next_state_is_refuted(kind, lemma):
    design = map_plainly(counter(kind), np.random.default_rng(0))
    wrong = replace(design, luts=replace(design.luts, next_state=design.luts.next_state[::-1]))
    found, text = refuted(wrong)
    assert found == lemma
    assert "next state 0 is wrong" in text
    assert "and the state bits at 1: [" in text


@pytest.mark.parametrize("kind", ["class", "bits"])
@pytest.mark.parametrize("reset", [(False, False), (True, True)])
def test_luts_that_begin_from_another_reset_value_are_refuted(kind, reset):
    right = counter(kind)
    other = replace(right, netlist=replace(right.netlist, reset=reset))
    made = map_plainly(other, np.random.default_rng(0))
    wrong = replace(made, model=right, luts=replace(made.luts, reset=right.netlist.reset))
    if kind == "class":
        extended = replace(made.compression.extended, reset=right.netlist.reset)
        wrong = replace(wrong, compression=replace(made.compression, extended=extended))
    _, text = refuted(wrong)
    assert "in the first step of a sequence" in text


def test_luts_that_ignore_where_a_sequence_begins_are_refuted():
    design = map_plainly(counter(), np.random.default_rng(0))
    fanin = design.luts.fanin.copy()
    fanin[fanin == 3] = 0  # input 1
    _, text = refuted(with_luts(design, fanin=fanin))
    assert "in the first step of a sequence" in text


def test_changed_reset_values_are_refuted():
    design = map_plainly(counter(), np.random.default_rng(0))
    wrong = replace(design, luts=replace(design.luts, reset=[True, True]))
    assert refuted(wrong) == (
        "well formed",
        "well formed: refuted: the state's reset values are not the model's",
    )


def test_blocks_of_many_variables_are_compared_by_abc(monkeypatch):
    monkeypatch.setattr("lgncc.verify.blocks.MAX_VARIABLES", 1)
    design = design_of()
    assert "of more than 1 variables by ABC" in check_mapped(design).detail
    gate = design.compression.gates[5][-1] - design.luts.first_gate
    table = changed(design.luts.table, gate, design.luts.table[gate] ^ np.uint64(1))
    lemma, text = refuted(with_luts(design, table=table))
    assert lemma == "blocks"
    assert "does not keep its sum" in text
