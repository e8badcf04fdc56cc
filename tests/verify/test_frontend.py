"""Rung "frontend": the golden model against torch, and that it can be refuted."""

from __future__ import annotations

from dataclasses import replace

import cli
import numpy as np
import pytest
import torch
from strategies import integer_range

from lgncc import nn
from lgncc.encoder import Encoder
from lgncc.errors import DesignError
from lgncc.frontends import load
from lgncc.model import Provenance, Readout
from lgncc.verify.frontend import check_frontend, random_samples


def test_the_shipped_network_answers_as_torch_does_on_data_and_random_samples():
    with np.load(cli.DIGITS_TEST) as data:
        rung = check_frontend(cli.DIGITS, load(cli.DIGITS), data["x"])
    assert (rung.rung, rung.result) == ("frontend", "tested")
    assert rung.detail == "torch forward pass, 1360 samples (1000 of them random)"


def test_sequences_of_data_of_any_length_are_compared():
    with np.load(cli.PARITY_TEST) as data:
        rung = check_frontend(cli.PARITY, load(cli.PARITY), data["x"])
    assert rung.result == "tested"
    assert rung.detail == "torch forward pass, 9 sequences (1 of them random)"


@pytest.mark.parametrize("what", ["gate", "wiring", "threshold", "readout"])
def test_a_model_that_is_not_the_checkpoint_is_refuted(what):
    model = load(cli.DIGITS)
    netlist = model.netlist
    changed = {
        "gate": lambda: {"netlist": replace(netlist, table=netlist.table ^ np.uint64(1))},
        "wiring": lambda: {"netlist": replace(netlist, outputs=np.roll(netlist.outputs, 1))},
        "threshold": lambda: {
            "encoder": replace(model.encoder, threshold=model.encoder.threshold + 1)
        },
        "readout": lambda: {"readout": Readout.group_sum(1000, 10, tau=4.0)},
    }[what]()
    with pytest.raises(DesignError, match=r"frontend: refuted: \d+ of 1000 samples differ"):
        check_frontend(cli.DIGITS, replace(model, **changed), None)


def test_features_of_32_bits_are_compared_exactly(tmp_path):
    """float32, torch's own type, holds 24 bits: neighbours of the threshold would be equal."""
    threshold = 2.0**31 + 1
    path = tmp_path / "wide.pt"
    layers = (
        nn.Threshold(1, threshold, nn.InputFormat(32)),
        nn.LogicDense(1, 2, wiring=torch.zeros(2, 2, dtype=torch.int64)),
    )
    nn.save(torch.nn.Sequential(*layers), path)
    near = threshold + np.arange(-3, 4)[:, None]
    assert check_frontend(path, load(path), near).result == "tested"


def test_files_without_a_forward_pass_are_skipped_with_the_reason():
    model = replace(load(cli.DIGITS), provenance=Provenance("blif"))
    rung = check_frontend(cli.DIGITS, model, None)
    assert (rung.result, rung.detail) == ("skipped", "blif: no forward pass to run")


def test_random_samples_reach_both_ends_of_every_format_and_nothing_else():
    encoder = Encoder([1, 3, 3, 4], [False, False, True, True], [0, 0, 0, 2], [], [])
    samples = random_samples(encoder, 1000)
    assert samples.shape == (1000, 4)
    for column, (bits, signed, scale) in enumerate(
        [(1, False, 1), (3, False, 1), (3, True, 1), (4, True, 4)]
    ):
        low, high = integer_range(bits, signed)
        assert set(samples[:, column] * scale) == set(range(low, high + 1))
