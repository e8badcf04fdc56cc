"""What makes many objects does so without the collector, which is on again afterwards."""

from __future__ import annotations

import gc

import pytest

from lgncc.garbage import uncollected


@uncollected()
def decorated():
    return gc.isenabled()


def test_inside_there_is_no_collection_and_afterwards_there_is():
    assert gc.isenabled()
    assert not decorated()
    assert gc.isenabled()


def test_an_error_inside_leaves_the_collector_on():
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_one_inside_another_leaves_it_off_until_the_outer_one_ends():
    with uncollected():
        assert not decorated()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        assert not decorated()
        assert not gc.isenabled()
    finally:
        gc.enable()
