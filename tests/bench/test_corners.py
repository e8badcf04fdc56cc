"""What `auto` chooses is placed and routed, of about the size that it estimated, at the clock."""

from __future__ import annotations

from dataclasses import replace

import corners
import pytest

FOLDED = corners.Result(
    name="2x100/icebreaker/latency",
    architecture="folded",
    estimated_cells=900,
    cells=1_000,
    available=5_280,
    fmax_mhz=20.04,
    target_mhz=12.0,
    latency_us=30.0,
    samples_per_s=[33_000.0, 2_000.0],
    seconds=3.2,
    tried=["pipelined: about 4,000 logic cells, 1 cycle a sample"],
)


@pytest.mark.slow
def test_the_choice_fits_as_estimated(tmp_path):
    result = corners.build(corners.Corner("pixels, 2x100", "icebreaker", "area"), tmp_path)
    assert (result.architecture, result.tried) == ("folded", [])
    assert result.fmax_mhz >= result.target_mhz
    assert 0.7 * result.estimated_cells < result.cells < 1.1 * result.estimated_cells


def test_a_result_is_a_line_of_the_table():
    assert FOLDED.line() == (
        "| 2x100 | icebreaker | latency | folded, after pipelined | 900 | 1,000 of 5,280 | "
        "-10.0% | 20.0 of 12 | 30.00 | 33,000, 2,000 | 3 |"
    )
    none = replace(FOLDED, architecture="", tried=["nothing fits"])
    assert none.line().startswith("| 2x100 | icebreaker | latency | none: nothing fits |")
    for line in (FOLDED.line(), none.line()):
        assert line.count("|") == corners.HEADER.splitlines()[0].count("|")


def test_what_was_built_is_not_built_again(tmp_path, monkeypatch):
    built = []

    def build(corner, folder):
        built.append(corner.name)
        return replace(FOLDED, name=corner.name)

    monkeypatch.setattr(corners, "build", build)
    some = corners.CORNERS[:2]
    for again in (False, False, True):
        results = corners.measure(some, tmp_path / "corners.json", again)
        assert [one.name for one in results] == [corner.name for corner in some]
    assert built == [corner.name for corner in some] * 2


def test_results_of_others_stay_and_are_in_the_order_of_the_corners(tmp_path):
    path = tmp_path / "corners.json"
    first, second = (replace(FOLDED, name=corner.name) for corner in corners.CORNERS[:2])
    for result in (second, FOLDED, first):
        corners.write(result, path)
    corners.write(replace(first, cells=7), path)
    assert list(corners.read(path).values()) == [replace(first, cells=7), second, FOLDED]


def test_the_table_of_the_page_is_what_was_built():
    results = corners.read()
    assert set(results) <= {corner.name for corner in corners.CORNERS}
    page = corners.PAGE.read_text()
    assert corners.with_table(page, corners.table(results.values())) == page


def test_only_the_table_of_the_page_is_replaced():
    page = f"before\n\n{corners.MARK}| old |\n| --- |\n\nafter\n"
    text = corners.table([FOLDED])
    assert corners.with_table(page, text) == f"before\n\n{corners.MARK}{text}\nafter\n"
    with pytest.raises(ValueError, match="the page has no line"):
        corners.with_table("nothing", text)


def test_every_first_choice_that_was_built_fits_and_meets_its_clock():
    for result in corners.read().values():
        assert result.architecture, result.name
        assert result.fmax_mhz >= result.target_mhz, result.name
        assert not result.tried, result.name
        # Near a limit it must be good. Far from all, what a gate processor should take by the
        # iCE40's figures, which is more than it takes on the others, decides nothing.
        if result.cells > 0.3 * result.available:
            assert abs(result.error) < 0.05, result.name
        off = abs(result.estimated_cells - result.cells)
        assert off < 0.03 * result.available, result.name
