"""The flags above the features: where they are, and who has them."""

import builds
import pytest
from amaranth.hdl import Const, unsigned
from recurrent_models import model_with_state

from lgncc.errors import InputError
from lgncc.hw.sequence import SequenceFlags, Sequencing, require_state


@pytest.mark.parametrize(
    ("model", "answering", "flags"),
    [
        (builds.small_model(), "each-step", (False, False)),
        (builds.small_model(), "last-step", (False, False)),
        (model_with_state(), "each-step", (True, False)),
        (model_with_state(), "last-step", (True, True)),
    ],
)
def test_flags_come_with_state_and_last_with_answers_at_the_end(model, answering, flags):
    found = SequenceFlags.of(model, answering)
    assert (found.first, found.last) == flags
    assert found.width == sum(flags)


def value(expression):
    return Const.cast(expression).value


@pytest.mark.parametrize("payload", range(8))
def test_first_is_above_the_features_and_last_above_first(payload):
    vector = Const(payload, unsigned(3))
    each, last = SequenceFlags(True, False), SequenceFlags(True, True)
    assert value(each.first_of(vector)) == payload >> 2
    assert value(last.first_of(vector)) == payload >> 1 & 1
    assert value(last.answered(vector)) == payload >> 2
    assert each.answered(vector) == 1
    assert SequenceFlags(False, False).first_of(vector) == 0


@pytest.mark.parametrize("sequencing", [Sequencing("last-step"), Sequencing(sequences=2)])
def test_nothing_can_be_asked_of_sequences_without_state(sequencing):
    require_state(model_with_state(), sequencing)
    require_state(builds.small_model(), Sequencing())
    with pytest.raises(InputError, match="the network has no state"):
        require_state(builds.small_model(), sequencing)
