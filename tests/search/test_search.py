"""The search: what it finds is proved, and is the same however it was found."""

import gc
import subprocess
import sys
from dataclasses import replace

import builds
import numpy as np
import pytest
from distributed import LocalCluster

from lgncc.errors import DesignError, EnvironmentLacksError, InputError
from lgncc.mapping import MappingOptions, map_model
from lgncc.mapping.options import pack_terms
from lgncc.search.candidate import Task, evaluate
from lgncc.search.journal import Journal
from lgncc.search.search import Settings, search
from lgncc.search.strategy import GENERATION
from lgncc.verify.mapped import check_mapped

PART = 1 + GENERATION // 2
MANY = 1 + GENERATION + 6  # the second generation knows what the first one found


@pytest.fixture(scope="module")
def task():
    return Task(builds.deep_model(3, 120))


@pytest.fixture(scope="module")
def alone(task):
    """What one process finds, uninterrupted."""
    return search(task, Settings(recipes=(), budget_s=None, candidates=MANY, workers=1))


def without_times(found):
    return [(one.origin, one.options, replace(one.evaluation, seconds=0)) for one in found.records]


def test_the_first_candidate_is_the_design_of_level_2(task, alone):
    plain = map_model(task.model).luts
    first = alone.records[0].evaluation
    assert (first.luts, first.levels) == (plain.n_gates, plain.depth)


def test_the_best_is_no_larger_and_no_deeper_than_level_2_and_is_proved(task, alone):
    best, first = alone.best.evaluation, alone.records[0].evaluation
    design = map_model(task.model, 4, best.pinned)
    assert design.luts.n_gates == best.luts < first.luts
    assert design.luts.depth == best.levels <= first.levels
    assert check_mapped(design, task.model).result == "proved"


def test_the_curve_falls(alone):
    seconds, cells = zip(*alone.over_time, strict=True)
    assert list(seconds) == sorted(seconds)
    assert list(cells) == sorted(cells, reverse=True)
    assert cells[-1] == alone.best.evaluation.cells


def test_two_processes_find_what_one_finds(task, alone):
    found = search(task, Settings(recipes=(), budget_s=None, candidates=MANY, workers=2))
    assert without_times(found) == without_times(alone)
    assert found.best.options == alone.best.options


def test_a_dask_cluster_finds_what_one_process_finds(task, alone):
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        settings = Settings(
            recipes=(), budget_s=None, candidates=MANY, dask=cluster.scheduler_address
        )
        found = search(task, settings)
    assert found.where == f"Dask at {settings.dask}"
    assert without_times(found) == without_times(alone)


def test_another_seed_tries_others(task, alone):
    found = search(task, Settings(recipes=(), budget_s=None, candidates=3, seed=2, workers=1))
    assert without_times(found)[1:] != without_times(alone)[1:3]


def test_fewer_candidates_are_the_first_of_more(task, alone):
    found = search(task, Settings(recipes=(), budget_s=None, candidates=PART, workers=1))
    assert without_times(found) == without_times(alone)[:PART]


@pytest.fixture(scope="module")
def half(task, tmp_path_factory):
    """The journal of a search that ended early."""
    journal = tmp_path_factory.mktemp("half") / "search.jsonl"
    search(
        task, Settings(recipes=(), budget_s=None, candidates=MANY - 4, workers=1, journal=journal)
    )
    return journal.read_bytes()


@pytest.mark.parametrize("torn", [b"", b'{"origin": "script", "opt', b"\xff\n"])
def test_a_search_in_two_runs_finds_what_one_run_finds(task, alone, half, tmp_path, torn):
    journal = tmp_path / "search.jsonl"
    journal.write_bytes(half + torn)
    settings = Settings(recipes=(), budget_s=None, candidates=MANY, workers=2, journal=journal)
    found = search(task, settings)
    assert found.resumed == MANY - 4
    assert without_times(found) == without_times(alone)
    seconds = [one.at_s for one in found.records]
    assert seconds == sorted(seconds)
    again = search(task, settings)
    assert again.where == "nothing, all was in the journal"
    assert again.records == found.records


def test_a_journal_of_another_search_is_refused_or_begun_anew(task, tmp_path):
    settings = Settings(recipes=(), budget_s=None, candidates=1, journal=tmp_path / "search.jsonl")
    search(task, settings)
    with pytest.raises(InputError, match="no journal of this search"):
        search(task, replace(settings, seed=2))
    other = Task(builds.deep_model(3, 120, seed=2))
    with pytest.raises(InputError, match="no journal of this search"):
        search(other, settings)
    assert search(other, replace(settings, begin_anew=True)).resumed == 0


def test_a_journal_that_was_altered_is_refused(task, tmp_path):
    settings = Settings(
        recipes=(), budget_s=None, candidates=4, workers=1, journal=tmp_path / "search.jsonl"
    )
    search(task, settings)
    lines = settings.journal.read_text().splitlines()
    settings.journal.write_text("\n".join([*lines[:2], lines[3], lines[2], ""]))
    with pytest.raises(InputError, match="altered"):
        search(task, settings)


def test_a_journal_in_use_is_refused(task, tmp_path):
    settings = Settings(recipes=(), budget_s=None, candidates=1, journal=tmp_path / "search.jsonl")
    search(task, settings)
    script = (
        "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); "
        "print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(settings.journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        with pytest.raises(InputError, match="another lgncc searches"):
            search(task, settings)
        other.stdin.close()


def test_the_time_limits_the_search_and_counts_over_runs(task, tmp_path):
    settings = Settings(recipes=(), budget_s=3.0, workers=2, journal=tmp_path / "search.jsonl")
    found = search(task, settings)
    assert found.ended == "3 s were up"
    assert found.records[-1].at_s <= 4.0
    again = search(task, settings)
    # Between the last candidate and the limit there is time for a few more at most.
    assert again.records[: len(found.records)] == found.records
    assert len(again.records) < len(found.records) + GENERATION


def test_a_candidate_that_cannot_be_mapped_is_recorded(task):
    bad = MappingOptions(absorb=pack_terms(np.ones(3, np.bool_)))
    found = evaluate(task, bad)
    assert found.pinned is None
    assert found.error.startswith("InputError: mapping options: absorb has 1 bytes")
    assert "options.py:" in found.error


def test_a_network_that_cannot_be_mapped_is_an_error(monkeypatch, tmp_path, task):
    monkeypatch.setenv("ABC", str(tmp_path / "none"))
    with pytest.raises((DesignError, EnvironmentLacksError)):
        search(task, Settings(recipes=(), budget_s=1, workers=1))


def test_a_scheduler_that_does_not_answer_is_an_error_within_seconds(task):
    settings = Settings(recipes=(), budget_s=60, dask="tcp://127.0.0.1:9")
    with pytest.raises(EnvironmentLacksError, match="no scheduler answers there"):
        search(task, settings)


@pytest.mark.filterwarnings("error")  # of a client that cannot be closed
@pytest.mark.parametrize("address", ["gopher://nowhere", "nowhere"])
def test_an_address_that_is_none_is_an_error(task, address):
    with pytest.raises(EnvironmentLacksError, match="no scheduler answers there"):
        search(task, Settings(recipes=(), budget_s=60, dask=address))
    gc.collect()


def test_records_survive_the_journal(alone, tmp_path):
    journal = Journal(tmp_path / "one.jsonl", "key")
    for record in alone.records:
        journal.append(record)
    journal.close()
    assert Journal(tmp_path / "one.jsonl", "key").records == list(alone.records)
