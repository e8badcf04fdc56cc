"""The compositional proof accepts what is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builds import small_model
from exhaustive import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped_answers import answers_rightly, design_of
from mapped_designs import map_plainly
from strategies import models

from lgncc.passes.inputs import PruneInputs
from lgncc.verify.lemma import RefutedError
from lgncc.verify.mapped import check_mapped, prove_mapped
from lgncc.verify.models import prove_same_model

LEMMAS = ["well formed", "normal form", "leaves", "consumption", "blocks", "answer"]


@settings(max_examples=40)
@given(models(max_state=2), st.integers(0, 1 << 30), st.data())
def test_plain_mappings_of_any_model_are_proved_and_right(model, seed, data):
    design = map_plainly(model, np.random.default_rng(seed))
    proof = prove_mapped(design)
    names = [lemma.name for lemma in proof.lemmas]
    assert names == (["well formed", "outputs"] if model.readout.kind == "bits" else LEMMAS)
    width = design.luts.n_inputs + design.luts.n_state
    every = samples(width) if width < 6 else []
    bits = st.lists(st.integers(0, 1), min_size=width, max_size=width)
    assert answers_rightly(design, every or data.draw(st.lists(bits, max_size=30)))


@pytest.mark.parametrize("kind", ["class", "scores", "bits"])
def test_a_proof_names_every_lemma(kind):
    rung = check_mapped(design_of(kind))
    assert (rung.rung, rung.result) == ("mapping", "proved")
    for name in ["well formed", "outputs"] if kind == "bits" else LEMMAS:
        assert f"{name}: " in rung.detail


def test_a_design_of_another_model_is_refuted():
    design = design_of()
    model = small_model()
    other = replace(model, readout=replace(model.readout, bias=[0, 0, 0, 1]))
    with pytest.raises(RefutedError, match="model: refuted: the readout is not the model's"):
        check_mapped(design, other)
    encoder = replace(model.encoder, threshold=model.encoder.threshold + 1)
    with pytest.raises(RefutedError, match=r"model: refuted: output \d+ is wrong"):
        check_mapped(design, replace(model, encoder=encoder))


def test_a_model_less_its_unread_inputs_is_the_same():
    model = small_model()
    # One comparison twice, and one that nothing reads.
    encoder = model.encoder
    wider = replace(
        encoder,
        feature=[*encoder.feature, encoder.feature[3], 0],
        threshold=[*encoder.threshold, encoder.threshold[3], 1],
    )
    moved = np.where(model.netlist.fanin >= 18, model.netlist.fanin + 2, model.netlist.fanin)
    moved[moved == 5] = 18  # network input 3, read from its twin
    netlist = replace(model.netlist, n_inputs=18, fanin=moved, outputs=model.netlist.outputs + 2)
    wide = replace(model, encoder=wider, netlist=netlist)
    assert "model: 16 outputs" in check_mapped(design_of(), wide).detail
    pruned = PruneInputs().apply(wide)
    assert pruned.netlist.n_inputs < 17
    assert prove_same_model(wide, pruned).name == "model"
