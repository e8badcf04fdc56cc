"""The figures of a part are a line that no measured build lies above."""

import json
from dataclasses import asdict, replace

import delays
import pytest
from delays import Delay, fitted

ONE = Delay("b", "n", allowed=1, levels=1, luts=1_000, period_ps=10_000, seconds=1.0)


def of(levels, period_ps, luts=1_000):
    return replace(ONE, levels=levels, luts=luts, period_ps=period_ps)


def test_builds_on_a_line_give_that_line():
    assert fitted([ONE, of(4, 16_000), of(10, 28_000)]) == (2_000, 8_000)


def test_a_build_below_the_line_does_not_move_it():
    assert fitted([ONE, of(4, 11_000), of(10, 28_000)]) == (2_000, 8_000)


def test_what_a_way_takes_besides_grows_with_the_side_of_the_design():
    # Four times the LUTs that boards are measured by: twice the side.
    large = [of(levels, 16_000 + 2_000 * levels, luts=8_000) for levels in (1, 5)]
    assert fitted([ONE, of(5, 18_000), *large]) == (2_000, 8_000)


def test_what_was_built_is_not_built_again(tmp_path, monkeypatch):
    built = []

    def measure(board, network, allowed):
        built.append((board, network, allowed))
        return replace(ONE, board=board, network=network, allowed=allowed)

    monkeypatch.setattr(delays, "measure", measure)
    results = tmp_path / "delays.jsonl"
    results.write_text(json.dumps(asdict(replace(ONE, board="other"))) + "\n")
    for _ in range(2):
        found = list(delays.measured("b", ["n"], [1, 2], results))
        assert sorted(one.allowed for one in found) == [1, 2]
    assert built == [("b", "n", 1), ("b", "n", 2)]


@pytest.mark.slow
def test_a_build_is_measured():
    one = delays.measure("icebreaker", "parity", 2)
    assert (one.levels, one.board) == (2, "icebreaker")
    assert 10_000 < one.period_ps < 80_000
