"""The ladder: which rungs there are, in which order, and that the lowest one can fail."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from builds import small_model, with_gate
from mapped_designs import map_plainly

from lgncc.errors import DesignError, InputError
from lgncc.mapping.storage import save_design
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.storage import save_model
from lgncc.verify.ladder import RUNGS, climb


def silent(_):
    pass


def finished(folder, before, after):
    """A finished build as far as the rung "passes" reads it."""
    save_model(before, folder / "model.npz")
    save_model(after, folder / "optimized_model.npz")
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.npz")}
    (folder / "MANIFEST.json").write_text(json.dumps({"format": 1, "files": files}))
    return folder


def test_the_rungs_are_climbed_from_the_model_to_the_board():
    assert list(RUNGS) == [
        *("passes", "encoder", "mapping", "hdl", "synthesis", "clocks", "rtl", "board rtl")
    ]


def test_passes_are_proved_again(tmp_path):
    model = small_model()
    after = optimize(model, choose_pipeline(1), prove=False).model
    (rung,) = climb(finished(tmp_path, model, after), "passes", None, silent)
    assert (rung.rung, rung.result) == ("passes", "proved")
    gates = after.netlist.n_gates
    assert rung.detail == f"ABC: 48 gates as read equal {gates} as built"


def test_a_changed_gate_is_refuted_with_the_output_that_differs(tmp_path):
    model = small_model()
    wrong = with_gate(model, 40, table=model.netlist.table[40] ^ np.uint64(0x8))
    with pytest.raises(DesignError, match=r"passes: refuted: 1 outputs differ, first: o8\n"):
        climb(finished(tmp_path, model, wrong), "passes", None, silent)


def mapped(folder, model, design):
    """A finished build as far as the rung "mapping" reads it."""
    finished(folder, model, model)
    save_design(design, folder / "mapped.npz")
    return folder


def test_the_mapping_is_proved_again(tmp_path):
    model = small_model()
    design = map_plainly(model, np.random.default_rng(0))
    (rung,) = climb(mapped(tmp_path, model, design), "mapping", None, silent)
    assert (rung.rung, rung.result) == ("mapping", "proved")


def test_luts_of_another_model_are_refuted_though_they_are_right_in_themselves(tmp_path):
    model = small_model()
    other = with_gate(model, 40, table=model.netlist.table[40] ^ np.uint64(0x8))
    design = map_plainly(other, np.random.default_rng(0))
    with pytest.raises(DesignError, match=r"model: refuted: output \d+ is wrong"):
        climb(mapped(tmp_path, model, design), "mapping", None, silent)


@pytest.mark.parametrize("rung", ["mapping", "hdl", "synthesis"])
def test_a_build_of_gates_has_no_mapping_to_prove(tmp_path, rung):
    model = small_model()
    (found,) = climb(finished(tmp_path, model, model), rung, None, silent)
    assert (found.result, found.detail) == ("skipped", "the core was built of gates (-O 0 or 1)")


@pytest.mark.parametrize("part", ["encoder", "readout"])
def test_a_changed_encoder_or_readout_is_refuted(tmp_path, part):
    model = small_model()
    changed = {
        "encoder": replace(model.encoder, threshold=model.encoder.threshold - 1),
        "readout": replace(model.readout, bias=model.readout.bias + np.array([0, 1, 0, 0])),
    }
    wrong = replace(model, **{part: changed[part]})
    with pytest.raises(DesignError, match=f"passes: refuted: the passes changed the {part}"):
        climb(finished(tmp_path, model, wrong), "passes", None, silent)


def test_an_unknown_rung_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(
        InputError, match=r"--rung rtll: .* 'mapping', 'hdl', 'synthesis', 'clocks', 'rtl'"
    ):
        climb(tmp_path, "rtll", None, silent)


def test_an_altered_build_is_refused_before_any_rung(tmp_path):
    model = small_model()
    folder = finished(tmp_path, model, model)
    save_model(with_gate(model, 0, table=np.uint64(9)), folder / "model.npz")
    with pytest.raises(InputError, match=r"changed since the build: model\.npz"):
        climb(folder, "passes", None, silent)
