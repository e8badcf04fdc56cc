"""The side-by-side benchmark of training runs, at the size of a toy."""

import pytest
import torch

from lgncc import nn

pytest.importorskip("sklearn")
from training_claims import KINDS, TOY, likeliest, network, run


def test_the_benchmark_runs_and_its_tables_agree_with_its_values():
    said = []
    report, (record,) = run(TOY, 2, said.append)
    assert len(record["runs"]) == len(said) == 8
    for one in record["runs"]:
        assert [step for step, _, _ in one["curve"]] == [2, 4, 6]
        assert one["curve"][-1] == (6, one["soft"], one["discrete"])
        assert f"| {one['soft']:.1%} | {one['discrete']:.1%} |" in report
    parameters = {one["kind"]: one["parameters"] for one in record["runs"]}
    assert parameters == {"raw": 3 * 140 * 16, "light": 3 * 140 * 4}
    assert "light has 4x fewer parameters than raw" in report
    assert set(record["step_ms"]) == {"raw", "light", "raw, torchlogix", "light, torchlogix"}
    assert all(f > 0 and b > 0 for f, b in record["step_ms"].values())


def test_only_the_parametrization_differs():
    raw, light = (network(TOY[0], 256, kind, "random") for kind in KINDS)
    for one, other in zip(raw[:-1], light[:-1], strict=True):
        assert torch.equal(one.wires(), other.wires())


def test_how_decided_a_gate_is():
    raw = nn.LogicDense(2, 2)
    raw.weights.data = torch.tensor([[0.0] * 16, [0.0] * 15 + [100.0]])
    torch.testing.assert_close(likeliest(raw), torch.tensor([1 / 16, 1.0]))
    light = nn.LogicDense(2, 2, parametrization="light")
    light.weights.data = torch.tensor([[0.0] * 4, [100.0, -100.0, 100.0, 0.0]])
    torch.testing.assert_close(likeliest(light), torch.tensor([1 / 16, 1 / 2]))
