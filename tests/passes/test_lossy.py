"""Lossy pruning: only where it is asked for, within what may be lost, and never called proved."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import builds
import cli
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from lgncc.cli import app
from lgncc.dataset import Dataset, load_data
from lgncc.encoder import Encoder
from lgncc.errors import DesignError, InputError
from lgncc.frontends import load
from lgncc.golden import predict
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.passes.lossy import allowed_drop, prune_lossy
from lgncc.passes.pipeline import LEVELS, PASSES, Repeat
from lgncc.report.build_report import LossySection
from lgncc.report.terminal import render
from lgncc.specification import load_specification
from lgncc.storage import load_model, save_model
from lgncc.verify.ladder import check_passes


def held_out(n):
    """The quarter that the docs name: the last of a permutation by numpy's generator, seed 0."""
    return np.random.default_rng(0).permutation(n)[n * 3 // 4 :]


def noisy(model, n=800, wrong=0.1, seed=3):
    """Samples of a model, answered by itself but for a share of them."""
    rng = np.random.default_rng(seed)
    low = np.where(model.encoder.signed, -(1 << model.encoder.bits - 1), 0)
    x = low + rng.integers(0, 1 << model.encoder.bits, (n, model.encoder.n_features))
    x = np.ldexp(x.astype(np.float64), -model.encoder.fraction.astype(np.int64))
    y = predict(model, x).classes
    y = np.where(rng.random(n) < wrong, rng.integers(0, model.readout.n_classes, n), y)
    return Dataset(Path("noisy.npz"), x, y)


@pytest.mark.parametrize("max_drop", [0, 1, 5, 40])
def test_held_out_samples_lose_no_more_than_allowed(max_drop):
    model = builds.deep_model(3, 60)
    data = noisy(model)
    pruned, section = prune_lossy(model, data, max_drop)
    kept = held_out(len(data.y))
    before, after = (predict(m, data.x[kept]).accuracy(data.y[kept]) for m in (model, pruned))
    assert 100 * (before - after) <= max_drop + 1e-9
    assert (section.accuracy_before, section.accuracy_after) == (before, after)
    assert section.samples == len(kept) == 200
    assert section.gates_after == pruned.netlist.n_gates
    assert section.terms_after == len(pruned.readout.output)


def test_more_may_be_lost_so_less_is_left():
    model = builds.deep_model(3, 60)
    data = noisy(model)
    sections = [prune_lossy(model, data, drop)[1] for drop in (0, 40)]
    assert sections[1].terms_after < sections[0].terms_after <= sections[0].terms_before
    assert sections[1].gates_after < sections[0].gates_after <= sections[0].gates_before


def test_what_is_equal_on_the_samples_alone_is_merged_at_no_loss():
    # i0 equals i1 on every sample, so their and and their or are i0, and their xor is 0
    netlist = Netlist(3, [[2, 3], [2, 3], [2, 3], [4, 2]], [0x8, 0xE, 0x6, 0x8], [5, 6, 7, 8])
    readout = Readout("class", [0, 1, 2, 3], [0, 0, 1, 1], [1, 1, 1, 1], bias=[0, 1])
    model = LogicModel(Encoder.identity(3), netlist, readout, Provenance("test"))
    bits = np.random.default_rng(0).random((200, 2)) < 0.5
    data = Dataset(Path("twins.npz"), bits[:, [0, 0, 1]], bits[:, 0].astype(np.int64) ^ 1)
    pruned, section = prune_lossy(model, data, 0)
    assert section.gates_before == 4
    assert section.gates_after <= 1  # at most an inverter of i0
    assert section.accuracy_before == section.accuracy_after == 1
    assert predict(pruned, data.x).accuracy(data.y) == 1


def test_the_same_arguments_give_the_same_model():
    model = builds.deep_model(2, 40)
    first, second = (prune_lossy(model, noisy(model), 3) for _ in range(2))
    assert first[0].netlist.dump() == second[0].netlist.dump()
    assert first[0].readout.bias.tolist() == second[0].readout.bias.tolist()
    assert first[1] == second[1]


@pytest.mark.parametrize(
    ("model", "change", "max_drop", "message"),
    [
        ("class", {"y": None}, 0, "noisy.npz: no labels y in it"),
        ("class", {"x": np.zeros((9, 4)), "y": np.zeros(9, np.int64)}, 0, "9 samples; .* at least"),
        ("class", {"y": np.full(800, 7)}, 0, "label 7; the model has classes 0 to 3"),
        ("class", {}, -1, "--max-drop -1: give percentage points"),
        ("class", {}, float("nan"), "--max-drop nan: give percentage points"),
        ("bits", {}, 0, "the model has no classes"),
    ],
)
def test_what_cannot_be_judged_is_refused(model, change, max_drop, message):
    data = replace(noisy(builds.small_model("class")), **change)
    with pytest.raises(InputError, match=message):
        prune_lossy(builds.small_model(model), data, max_drop)


def test_a_model_with_state_is_refused():
    model = builds.small_model("class")
    netlist = replace(model.netlist, next_state=[2], reset=[False])
    with pytest.raises(InputError, match="the model has state"):
        prune_lossy(replace(model, netlist=netlist), noisy(model), 0)


def test_without_samples_it_is_refused_and_the_message_says_what_to_give():
    with pytest.raises(InputError, match=r"--data TRAIN\.npz"):
        prune_lossy(builds.small_model("class"), None, 0)


def test_max_drop_is_nothing_without_lossy_prune():
    assert allowed_drop(False, None) is None
    assert allowed_drop(True, None) == 0
    assert allowed_drop(True, 0.25) == 0.25
    with pytest.raises(InputError, match="--max-drop is of --lossy-prune"):
        allowed_drop(False, 0.25)


def test_no_level_and_no_list_of_passes_has_it():
    steps = [step for pipeline in LEVELS.values() for step in pipeline]
    names = {p.name for s in steps for p in (s.passes if isinstance(s, Repeat) else (s,))}
    assert names | set(PASSES) == {"fold", "strash", "dead"}


def test_nothing_is_pruned_unasked(tmp_path, monkeypatch):
    def asked(*_):
        raise AssertionError("pruned, and nobody asked")

    monkeypatch.setattr("lgncc.emit.export.prune_lossy", asked)
    monkeypatch.setattr("lgncc.compiler.prune_lossy", asked)
    save_model(builds.small_model("class"), tmp_path / "small.npz")
    out = tmp_path / "out.npz"
    done = lgncc("export", tmp_path / "small.npz", "--format", "npz", "--out", out)
    assert done.exit_code == 0
    assert "LOSSY" not in done.output
    assert "proved" in done.output


def lgncc(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_an_export_says_that_it_is_lossy_and_the_file_is_the_pruned_model(tmp_path):
    out, data = tmp_path / "pruned.npz", load_data(cli.DIGITS_TEST)
    asked = ("--lossy-prune", "--max-drop", "5", "--data", cli.DIGITS_TEST)
    done = lgncc("export", cli.DIGITS, "--format", "npz", "--out", out, *asked)
    assert done.exit_code == 0, done.output
    assert "held to the model after lossy pruning, not to the one that was read" in done.output
    assert "LOSSY: " in done.output
    pruned, model = load(out), load(cli.DIGITS)
    kept = held_out(360)
    right = [predict(m, data.x[kept]).accuracy(data.y[kept]) for m in (model, pruned)]
    assert right[0] - right[1] <= 0.05
    assert len(pruned.readout.output) < 0.9 * len(model.readout.output)
    assert f"{right[0]:.2%} to {right[1]:.2%} on 90 samples" in done.output


@pytest.mark.parametrize(("format_", "level"), [("aiger", 2), ("blif", 1)])
def test_a_file_without_the_readout_is_not_written(tmp_path, format_, level):
    out = tmp_path / "out"
    asked = ("--lossy-prune", "--data", cli.DIGITS_TEST, "-O", level)
    done = lgncc("export", cli.DIGITS, "--format", format_, "--out", out, *asked)
    assert isinstance(done.exception, InputError)
    assert "it changes the readout" in str(done.exception)
    assert not out.exists()


def test_data_that_nothing_would_read_is_refused(tmp_path):
    asked = ("--format", "npz", "--out", tmp_path / "out", "--data", cli.DIGITS_TEST)
    done = lgncc("export", cli.DIGITS, *asked)
    assert "--data is what --lossy-prune judges by" in str(done.exception)


def folder_of(tmp_path, model, pruned, optimized):
    save_model(model, tmp_path / "model.npz")
    save_model(optimized, tmp_path / "optimized_model.npz")
    if pruned is not None:
        save_model(pruned, tmp_path / "pruned_model.npz")
    return tmp_path


def test_the_rung_passes_begins_at_the_pruned_model_and_says_so(tmp_path):
    model = builds.deep_model(3, 60)
    pruned, _ = prune_lossy(model, noisy(model), 5)
    rung = check_passes(folder_of(tmp_path, model, pruned, pruned), None, lambda _: None)
    assert rung.result == "proved"
    assert f"{pruned.netlist.n_gates} gates as pruned with loss equal" in rung.detail
    assert rung.detail.endswith("not to the one that was read")


def test_without_the_pruned_model_a_lossy_build_is_refuted(tmp_path):
    model = builds.deep_model(3, 60)
    pruned, _ = prune_lossy(model, noisy(model), 5)
    with pytest.raises(DesignError, match="passes: refuted"):
        check_passes(folder_of(tmp_path, model, None, pruned), None, lambda _: None)


SECTION = LossySection("train.npz", 0.25, 912, 662, 964, 881, 360, 0.9972, 0.9944)


def test_the_line_says_both_sides_and_on_what():
    assert SECTION.line() == (
        "912 gates to 662, 964 readout terms to 881; accuracy 99.72% to 99.44% on 360 samples "
        "held out of train.npz"
    )


@pytest.mark.slow
def test_a_lossy_build_is_labelled_everywhere_and_answers_as_the_pruned_model(tmp_path):
    model, folder = builds.small_model("class"), tmp_path / "build"
    save_model(model, tmp_path / "small.npz")
    data = noisy(model)
    np.savez(tmp_path / "train.npz", x=data.x, y=data.y)
    asked = ("--lossy-prune", "--max-drop", 10, "--data", tmp_path / "train.npz")
    where = ("--board", "icebreaker", "--out", folder)
    done = cli.lgncc_process("compile", tmp_path / "small.npz", *where, *asked, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report == json.loads((folder / "report.json").read_text())
    pruned, section = prune_lossy(model, data, 10)
    told = {**report["lossy"], "data": "noisy.npz"}
    assert told == vars(section)
    assert section.gates_after < section.gates_before
    assert load_specification(folder).model.netlist.dump() == pruned.netlist.dump()
    assert load_model(folder / "model.npz").netlist.dump() == model.netlist.dump()
    assert report["accuracy"]["golden"] == predict(pruned, data.x).accuracy(data.y)
    console = Console(width=400, file=io.StringIO())
    with console.capture() as shown:
        console.print(render(report))
    (line,) = [line for line in shown.get().splitlines() if line.startswith("LOSSY ")]
    assert f"{section.gates_before} gates to {section.gates_after}, " in line
    assert line.rstrip().endswith("not part of any proof")
    for rung in ("passes", "rtl"):
        climbed = cli.lgncc_process("verify", folder, "--rung", rung, "--json")
        assert climbed.code == 0, climbed.err
        assert "after lossy pruning" in json.loads(climbed.out)[0]["detail"]
