"""The benchmark of software models, at toy size: every tool gives the same answers."""

from __future__ import annotations

import numpy as np
import pytest
import speed
from networks import network
from peer_circuits import DifflogicStyle, torchlogix_circuit, write_circuit

from lgncc import golden
from lgncc.frontends import load

pytest.importorskip("torchlogix_shim").torchlogix()


def test_every_tool_answers_the_same():
    rows = speed.measure("random-800", 1024)  # exits where they differ
    assert [row["tool"] for row in rows][:1] == ["torchlogix, defaults"]
    assert len(rows) == 7


def test_a_difference_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr(
        golden,
        "predict",
        lambda _, bits: golden.Predictions(None, np.full((len(bits), 10), 3), None),
    )
    with pytest.raises(SystemExit, match="answers something else"):
        speed.measure("random-800", 128)


def test_a_circuit_keeps_the_network(tmp_path):
    model = network("random-800")
    write_circuit(model, tmp_path / "c.json")
    bits = np.random.default_rng(1).integers(0, 2, (64, model.netlist.n_inputs)).astype(bool)
    expected = golden.predict(model, bits).scores
    assert np.array_equal(golden.predict(load(tmp_path / "c.json"), bits).scores, expected)
    assert np.array_equal(DifflogicStyle(model, tmp_path)(bits), expected)
    circuit = torchlogix_circuit(tmp_path / "c.json")
    assert np.array_equal(np.array([circuit(bits[:2])])[0], expected[:2])
