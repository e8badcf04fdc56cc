"""`lgncc train` as a user runs it: exit codes, files, an interrupt and its resumption."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from lgncc import nn
from lgncc.errors import InputError
from lgncc.nn.train_recipe import TrainOptions, train_recipe

pytest.importorskip("sklearn")


def test_a_wrong_recipe_lists_the_recipes(tmp_path):
    command = [sys.executable, "-m", "lgncc", "train", "nope", "--out", str(tmp_path / "m.pt")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "no recipe 'nope'" in found.stderr
    for name in ("digits", "mnist", "mnist16", "breast-cancer"):
        assert f"\n  {name} " in found.stderr
    assert not list(tmp_path.iterdir())


def test_an_interrupted_training_resumes_to_the_same_file(tmp_path):
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    options = TrainOptions(seed=3, epochs=12)
    train_recipe("breast-cancer", whole, options)

    command = [sys.executable, "-m", "lgncc", "train", "breast-cancer", "--out", str(cut)]
    command += ["--seed", "3", "--epochs", "12"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("epoch    2/"):
                assert "validation accuracy soft" in line
                os.kill(process.pid, signal.SIGINT)
                break
        process.stderr.read()
    assert process.returncode == 130
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith("cut")]
    assert left == ["cut.pt.state"]

    with pytest.raises(InputError, match="continue it with --resume"):
        train_recipe("breast-cancer", cut, options)
    with pytest.raises(InputError, match="another training"):
        train_recipe("breast-cancer", cut, TrainOptions(seed=4, epochs=12, resume=True))
    train_recipe("breast-cancer", cut, TrainOptions(seed=3, epochs=12, resume=True))
    assert not (tmp_path / "cut.pt.state").exists()

    contents = [torch.load(path, weights_only=True) for path in (whole, cut)]
    assert contents[0]["metadata"] == contents[1]["metadata"]
    for name, tensor in contents[0]["state"].items():
        assert torch.equal(tensor, contents[1]["state"][name]), name


def test_the_noted_accuracy_is_that_of_the_written_network(tmp_path):
    model, data = tmp_path / "m.pt", tmp_path / "t.npz"
    trained = train_recipe("breast-cancer", model, TrainOptions(epochs=5, test_data=data))
    noted = torch.load(model, weights_only=True)["metadata"]
    assert (noted["recipe"], noted["seed"]) == ("breast-cancer", 0)
    assert noted["accuracy_discrete"] == trained.accuracy_discrete
    with np.load(data) as held_out:
        x, y = held_out["x"], held_out["y"]
    assert len(x) == 114
    answers = nn.load(model)(torch.from_numpy(x)).argmax(1).numpy()
    assert np.mean(answers == y) == trained.accuracy_discrete
    report = json.loads((tmp_path / "m.pt.report.json").read_text())
    assert report["accuracy_discrete"] == trained.accuracy_discrete
    assert len(report["curves"]) == 5
    assert (tmp_path / "m.pt.report.png").exists()
    assert f"discrete {trained.accuracy_discrete:.2%}  400 gates" in trained.lines()[0]


def test_a_budget_is_kept_by_pruning(tmp_path):
    model = tmp_path / "m.pt"
    trained = train_recipe("breast-cancer", model, TrainOptions(epochs=4, max_cells=1100))
    assert trained.cells <= 1100
    report = json.loads((tmp_path / "m.pt.report.json").read_text())
    assert report["cells"]["total"] == trained.cells
    # 764 cells are shell, and all 200 outputs with their readout would be 410 more.
    constants = [report["layers"][-1]["functions"].get(name, 0) for name in ("false", "true")]
    assert sum(constants) > 40


def test_nothing_is_trained_where_nothing_can_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot write there: No such file or directory"):
        train_recipe("digits", tmp_path / "none" / "m.pt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "--epochs 0: give at least 1"),
        ({"time_limit": 0.0}, "--time-limit 0: give seconds above 0"),
        ({"time_limit": -1.0}, "--time-limit -1: give seconds above 0"),
        ({"time_limit": float("nan")}, "--time-limit nan: give seconds above 0"),
        ({"max_cells": -5}, "--max-cells -5: shell"),
    ],
)
def test_a_limit_that_leaves_nothing_is_refused_before_anything_is_written(
    tmp_path, options, message
):
    with pytest.raises(InputError, match=f"^{message}"):
        train_recipe("breast-cancer", tmp_path / "m.pt", TrainOptions(**options))
    assert list(tmp_path.iterdir()) == []
