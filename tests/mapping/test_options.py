"""The mapper's choices: their values are checked, survive JSON, and never change an answer."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import models

from lgncc.errors import InputError
from lgncc.mapping import MappingOptions, map_and_pin, map_model
from lgncc.mapping.abc import AREA
from lgncc.mapping.options import pack_terms
from lgncc.verify.mapped import check_mapped

OPTIONS = st.builds(
    MappingOptions,
    script=st.sampled_from((None, AREA)),
    max_levels=st.sampled_from((None, 1, 99)),
    attempts=st.sampled_from((None, 1, 3)),
    gate_order=st.integers(0, 5),
    extend_readers=st.integers(1, 4),
    expand_below=st.integers(0, 8),
    leaf_orders=st.lists(st.integers(0, 5), max_size=3).map(tuple),
    plain_every=st.integers(1, 64),
    argmax_few=st.integers(0, 9),
)


@given(OPTIONS)
def test_options_survive_json(options):
    found = json.loads(json.dumps(options.to_dict()))
    assert MappingOptions.from_dict(found) == options


@given(models(), OPTIONS, st.sampled_from((4, 6)))
@settings(max_examples=15, deadline=None)
def test_a_design_of_any_options_is_proved(model, options, k):
    assert check_mapped(map_model(model, k, options), model).result == "proved"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"plain_every": 0}, "plain_every = 0"),
        ({"attempts": 0}, "attempts = 0"),
        ({"max_levels": 0}, "max_levels = 0"),
        ({"script": 5}, "script = 5"),
        ({"leaf_orders": [1, -1]}, "leaf_orders = (1, -1)"),
        ({"readout": "serial"}, "readout = 'serial'"),
        ({"argmax_few": "4"}, "argmax_few = '4'"),
        ({"leaf_orders": [0.5]}, "leaf_orders = (0.5,)"),
        ({"colour": 1}, "unknown: colour"),
    ],
)
def test_values_that_are_none_are_refused(found, said):
    with pytest.raises(InputError) as error:
        MappingOptions.from_dict(found)
    assert said in str(error.value)


@given(models(), OPTIONS, st.sampled_from((4, 6)))
@settings(max_examples=15, deadline=None)
def test_pinned_options_lead_to_the_same_design(model, options, k):
    design, pinned = map_and_pin(model, k, options)
    again, same = map_and_pin(model, k, pinned)
    assert again.luts.dump() == design.luts.dump()
    assert same == pinned


@given(st.lists(st.booleans(), max_size=40))
def test_terms_survive_packing(chosen):
    options = MappingOptions(absorb=pack_terms(np.array(chosen, np.bool_)))
    assert options.absorbed(len(chosen)).tolist() == chosen


@pytest.mark.parametrize(("digits", "said"), [("00", "another model"), ("0", "hex"), ("xy", "hex")])
def test_terms_of_another_model_are_refused(digits, said):
    with pytest.raises(InputError, match=said):
        MappingOptions(absorb=digits).absorbed(9)
