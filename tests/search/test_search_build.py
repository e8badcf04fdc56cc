"""-O 3 in a build: where it applies, what the report says, and what the command line refuses."""

import json
from dataclasses import asdict, replace

import builds
import cli
import pytest

from lgncc.architectures import Planner
from lgncc.boards import load_board
from lgncc.cli_search import DEFAULT_S, search_settings
from lgncc.compiler import Options
from lgncc.errors import InputError
from lgncc.report.search import SearchSection
from lgncc.search.for_board import search_for_board
from lgncc.search.search import Settings
from lgncc.storage import save_model
from lgncc.verify.mapped import check_mapped

GIVEN = ("budget", "candidates", "max_levels", "dask", "journal")


def settings(level=3, seed=1, **given):
    return search_settings(level, seed, **{**dict.fromkeys(GIVEN), **given})


def searched(planner, tmp_path, cells=5280, **changes):
    board = load_board("icebreaker")
    smaller = replace(board, capacity={**board.capacity, board.logic_cells: cells})
    options = Options("icebreaker", tmp_path, level=3, **changes)
    return search_for_board(planner, smaller, options, tmp_path, lambda _: None)


def test_the_planner_is_left_with_the_best_design_and_the_report_tells_how(tmp_path):
    planner = Planner(builds.deep_model(3, 120))
    few = Settings(budget_s=None, candidates=12, workers=1)
    section = searched(planner, tmp_path, search=few)
    assert section.applied
    mapped = planner.mapped(planner.form("spatial", load_board("icebreaker")))
    assert mapped.luts.n_gates == section.best.luts <= section.first.luts
    assert mapped.luts.depth == section.best.levels <= section.max_levels
    assert check_mapped(mapped, planner.model).result == "proved"
    assert section.candidates == 12
    assert section.over_time[0][1] == section.first.cells
    assert section.over_time[-1][1] == section.best.cells
    assert SearchSection.from_dict(json.loads(json.dumps(asdict(section)))).line() == section.line()
    assert "12 candidates" in section.line()
    assert "not applied" in section.built(of_luts=False).line()
    again = searched(planner, tmp_path, search=few)
    assert again.resumed == 12
    assert again.best == section.best


@pytest.mark.parametrize("only", ["class-serial", "folded"])
def test_other_architectures_are_not_searched_for_and_the_report_says_so(tmp_path, only):
    section = searched(Planner(builds.small_model()), tmp_path, architecture=only)
    assert not section.applied
    assert section.candidates == 0
    assert section.line() == f"not applied: a {only} core is not built from what is searched"
    assert not (tmp_path / "search.jsonl").exists()


def test_what_never_fits_is_not_searched_for(tmp_path):
    section = searched(Planner(builds.deep_model(3, 400)), tmp_path, cells=2000)
    assert not section.applied
    assert "serves best, which is not built from what is searched" in section.detail
    assert "spatial: " in section.detail


def test_the_options_of_the_search_need_level_3():
    assert settings(level=2) is None
    for name, option in (
        ("budget", "--budget"),
        ("candidates", "--candidates"),
        ("max_levels", "--max-levels"),
        ("dask", "--dask"),
        ("journal", "--search-journal"),
    ):
        with pytest.raises(InputError, match=f"{option}: only the search of -O 3 takes it"):
            settings(level=2, **{name: 1})


@pytest.mark.parametrize("budget", [0, -1, float("nan"), float("inf")])
def test_a_budget_that_is_none_is_refused(budget):
    with pytest.raises(InputError, match="above 0"):
        settings(budget=budget)


def test_level_3_has_a_budget_unless_candidates_are_counted():
    assert settings().budget_s == DEFAULT_S
    assert settings(candidates=5).budget_s is None
    assert settings(candidates=5, budget=7).budget_s == 7
    assert settings(seed=4).seed == 4
    with pytest.raises(InputError, match="--candidates 0"):
        settings(candidates=0)


def test_export_says_that_it_does_not_search(lgncc, tmp_path):
    done = lgncc("export", cli.DIGITS, "--format", "blif", "-O3", "--out", tmp_path / "x")
    assert done.code == 2
    assert "export does not search" in done.error()


def test_an_unreachable_scheduler_ends_the_build_with_exit_code_3(lgncc, tmp_path):
    save_model(builds.small_model(), tmp_path / "small.npz")
    done = lgncc(
        "compile", tmp_path / "small.npz", "--board", "ulx3s-85f", "-O3", "--dask", "tcp://127.0.0.1:9",
        "--verify", "none", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 3
    assert "no scheduler answers there" in done.err
    assert not (tmp_path / "out" / "MANIFEST.json").exists()
