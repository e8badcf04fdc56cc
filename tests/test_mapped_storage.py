"""MappedDesigns on disk."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from builds import small_model
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped_designs import map_plainly
from strategies import models

from lgncc.errors import InputError
from lgncc.mapping.storage import load_design, save_design
from lgncc.storage import load_model, read_npz, save_model


def same(ours, theirs):
    """Field by field, through dataclasses and arrays."""
    if isinstance(ours, np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    if hasattr(ours, "__dataclass_fields__"):
        return type(ours) is type(theirs) and all(
            same(getattr(ours, f.name), getattr(theirs, f.name)) for f in fields(ours)
        )
    return ours == theirs


@settings(max_examples=30)
@given(models(max_state=2), st.integers(0, 1 << 30))
def test_a_loaded_design_is_the_saved_one(tmp_path_factory, model, seed):
    path = tmp_path_factory.mktemp("design") / "mapped.npz"
    design = map_plainly(model, np.random.default_rng(seed))
    save_design(design, path)
    assert same(load_design(path), design)


def test_another_files_format_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    save_model(small_model(), path)
    with pytest.raises(InputError, match=r"model\.npz: the header does not say 'lgncc-mapped"):
        load_design(path)
    save_design(map_plainly(small_model(), np.random.default_rng(0)), path)
    with pytest.raises(InputError, match=r"model\.npz: the header does not say 'lgncc-model'"):
        load_model(path)


@pytest.mark.parametrize("name", ["luts.fanin", "form.node", "compression.gates.start", "part"])
def test_a_missing_array_is_named(tmp_path, name):
    path = tmp_path / "mapped.npz"
    save_design(map_plainly(small_model(), np.random.default_rng(0)), path)
    arrays = read_npz(path)
    del arrays[name]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=rf"mapped\.npz: array {name} is missing"):
        load_design(path)
