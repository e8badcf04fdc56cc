"""What `auto` chooses is placed and routed, of about the size that it estimated, at the clock."""

from __future__ import annotations

import corners
import pytest


@pytest.mark.slow
def test_the_choice_fits_as_estimated(tmp_path):
    result = corners.build(corners.Corner("pixels, 2x100", "icebreaker", "area"), tmp_path)
    assert (result.architecture, result.tried) == ("folded", [])
    assert result.fmax_mhz >= result.target_mhz
    assert 0.7 * result.estimated_cells < result.cells < 1.1 * result.estimated_cells


def test_a_result_is_a_line_of_the_table():
    result = corners.Result(
        "2x100/icebreaker/latency", "folded", 900, 1_000, 5_280, 20.04, 12.0, 3.0,
        ["pipelined: about 4,000 logic cells, 1 cycle a sample"],
    )  # fmt: skip
    assert result.line() == (
        "| 2x100 | icebreaker | latency | folded, after pipelined | 900 | 1,000 of 5,280 | "
        "20.0 of 12 MHz |"
    )


def test_what_was_built_is_not_built_again(tmp_path, monkeypatch):
    built = []

    def build(corner, folder):
        built.append(corner.name)
        return corners.Result(corner.name, "folded", 1, 1, 2, 3.0, 2.0, 0.0, [])

    monkeypatch.setattr(corners, "build", build)
    some = corners.CORNERS[:2]
    for _ in range(2):
        results = [one.name for one in corners.measure(some, tmp_path / "corners.jsonl")]
        assert results == [corner.name for corner in some]
    assert built == [corner.name for corner in some]
