"""torchlogix state dicts: what they say, what they lack, traps and broken files.

test_torchlogix_forward.py compares with the package's own forward pass.
"""

import sys

import numpy as np
import pytest
import torch
from fuzz import check_reader
from torchlogix_cases import (
    CONV,
    all_rows,
    answers,
    conv_state,
    dense,
    facts,
    layer,
    put,
    write,
)

from lgncc.errors import EnvironmentLacksError, InputError
from lgncc.frontends import GivenFacts, Source, load, torchlogix
from lgncc.golden import predict


def test_every_fact_has_its_source(tmp_path):
    path = write(tmp_path / "m.pt", dense(), wrap="state_dict")
    assert facts(path, classes=3, tau=2.0) == [
        "layers: Dense, Dense (from checkpoint)",
        "gates: raw, 2 inputs (derived, exact)",
        "wiring: connections of every layer (from checkpoint)",
        "features: 6 (input 5 is the highest that the first layer reads) (derived, exact)",
        "inputs: 6 bits (no --threshold given) (derived, exact)",
        "readout: GroupSum, 3 contiguous groups (given)",
        "tau: 2 (given)",
    ]


def test_layers_are_in_the_order_of_their_numbers_not_of_the_file(tmp_path):
    tensors = dense([6] * 13)
    x = all_rows(6)
    expected = answers(write(tmp_path / "a.pt", tensors), x)
    backwards = {key: tensors[key] for key in sorted(tensors)}  # 0, 1, 10, 11, 2, ...
    np.testing.assert_array_equal(answers(write(tmp_path / "b.pt", backwards), x), expected)


def test_order_by_words_is_asked_for(tmp_path):
    named = {f"fc_{key}": value for key, value in dense().items()}
    path = write(tmp_path / "m.pt", named)
    with pytest.raises(
        InputError, match=r"m\.pt: whether 'fc_\d' or 'fc_\d' comes first is not in"
    ):
        load(path)
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "dense"\nname = "fc_0"\n[[layer]]\nkind = "dense"\nname = "fc_1"'
    )
    expected = answers(write(tmp_path / "plain.pt", dense()), all_rows(6))
    got = answers(path, all_rows(6), layers=tmp_path / "l.toml")
    np.testing.assert_array_equal(got, expected)


def test_exported_copies_are_ignored_even_when_they_are_stale(tmp_path):
    tensors = dense()
    expected = answers(write(tmp_path / "a.pt", tensors), all_rows(6))
    tensors["0._export_lut_ids"] = torch.zeros(8, dtype=torch.int64)
    tensors["1.connections._export_indices"] = torch.zeros(2, 6, dtype=torch.int64)
    got = answers(write(tmp_path / "b.pt", tensors), all_rows(6))
    np.testing.assert_array_equal(got, expected)


def test_sixteen_columns_of_four_inputs_are_not_raw(tmp_path):
    """The shape (out, 16) alone says nothing: the wiring tells raw from light and warp."""
    weights = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    path = write(tmp_path / "m.pt", layer(weights, 4))
    ambiguous = r"m\.pt: 0\.weight: 16 columns for 4 inputs could be light or warp, and the file "
    with pytest.raises(InputError, match=ambiguous + "does not say; give --parametrization"):
        load(path)
    readings = [answers(path, all_rows(4), parametrization=kind) for kind in ("light", "warp")]
    assert not np.array_equal(*readings)
    with pytest.raises(InputError, match="are light or warp, not raw as stated"):
        load(path, GivenFacts(parametrization="raw"))


def test_old_files_without_wiring_are_named_and_told_the_fix(tmp_path):
    old = {key: value for key, value in dense().items() if key.endswith("weight")}
    path = write(tmp_path / "old.pt", old)
    assert torchlogix.recognize(Source(path)) is None
    with pytest.raises(InputError, match=r"old\.pt: this is a torchlogix state dict .* no wiring"
                       r"(.|\n)*0\.weight \(8, 16\)(.|\n)*before 0\.2\.1"):  # fmt: skip
        load(path)
    old = (0, 0), (0, 1), (1, 0)
    conv = {f"0.tree_weights.{level}.{n}": torch.zeros(4, 16) for level, n in old}
    path = write(tmp_path / "conv.pt", conv)
    (tmp_path / "l.toml").write_text(
        'input_shape = [1, 4, 4]\n[[layer]]\nkind = "conv2d"\nreceptive_field_size = 2\npadding = 0'
    )
    with pytest.raises(InputError, match=r"conv\.pt: .* no wiring"):
        load(path, GivenFacts(layers=tmp_path / "l.toml"))


def test_the_fix_that_the_message_gives_works(tmp_path):
    tensors = dense()
    expected = answers(write(tmp_path / "new.pt", tensors), all_rows(6))
    state = {key: value for key, value in tensors.items() if key.endswith("weight")}
    for name in ("0", "1"):  # torchlogix 0.1: layer.indices is a pair of tensors
        pair = tuple(tensors[f"{name}.connections.indices"])
        state[name + ".connections.indices"] = torch.stack(list(pair))
    got = answers(write(tmp_path / "mended.pt", state), all_rows(6))
    np.testing.assert_array_equal(got, expected)


def test_input_bits_may_widen_but_not_narrow(tmp_path):
    path = write(tmp_path / "m.pt", dense())
    assert load(path, GivenFacts(input_bits=9)).encoder.n_features == 9
    with pytest.raises(InputError, match=r"0\.connections\.indices is out of range: it reads "
                       "input [45], but what comes before has 4"):  # fmt: skip
        load(path, GivenFacts(input_bits=4))


def test_tau_and_beta_keep_scores_whole(tmp_path):
    path = write(tmp_path / "m.pt", dense())
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "dense"\n[[layer]]\nkind = "dense"\n'
        '[[layer]]\nkind = "group_sum"\nclasses = 3\ntau = 6.5\nbeta = 1.5'
    )
    model = load(path, GivenFacts(layers=tmp_path / "l.toml"))
    assert (model.readout.tau, model.readout.beta) == (6.5, 1.5)
    plain = load(path, GivenFacts(classes=3))
    got, expected = (predict(m, all_rows(6)).scores for m in (model, plain))
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(InputError, match=r"says classes = 3, the command line says 2"):
        load(path, GivenFacts(layers=tmp_path / "l.toml", classes=2))


# Learnable thresholds.


def test_stored_thresholds_of_a_learnable_binarization_are_stale(tmp_path):
    steps = torch.tensor([[-1.0, -0.25, 0.5]])
    tensors = {"0.thresholds": torch.tensor([[7.0, 8.0, 9.0]]), "0.raw_diffs": steps}
    tensors |= {
        "1.weight": torch.eye(16)[[3, 3, 3]],  # a
        "1.connections.indices": torch.tensor([[0, 1, 2], [0, 0, 0]]),
    }
    path = write(tmp_path / "m.pt", tensors)
    with pytest.raises(InputError, match=r"m\.pt: 0\.raw_diffs: .* temperature_softplus, which is "
                       r"not in the file"):  # fmt: skip
        load(path, GivenFacts(input_format="s8.4"))
    x = np.arange(-128, 128)[:, None] / 16
    scale = 0.5 + 1e-6
    positive = [scale * np.log1p(np.exp(step / scale)) for step in (-0.25, 0.5)]
    for stated, steps in (("0.5", positive), ('"none"', [-0.25, 0.5])):
        (tmp_path / "l.toml").write_text(
            f'[[layer]]\nkind = "binarization"\ntemperature_softplus = {stated}\n'
            '[[layer]]\nkind = "dense"'
        )
        got = answers(path, x, layers=tmp_path / "l.toml", input_format="s8.4")
        expected = x > np.cumsum([-1.0, *steps])
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("0.connections.indices", (0, 0), -1), "out of range: it reads input -1"),
        (put("0.connections.indices", (0, 0), 1 << 40), "reads input 1099511627776, but a layer"),
        (put("1.connections.indices", (1, 2), 8), "reads input 8, but what comes before has 8"),
        (lambda s: s.pop("1.connections.indices"), "no wiring"),
        (lambda s: s.pop("1.weight"), r"1\.weight is missing"),
        (lambda s: s.update({"1.weight": torch.zeros(5, 16)}), "5 gates, but wiring for 6"),
        (lambda s: s.update({"1.weight": torch.zeros(6, 7)}), "has 7 columns, its wiring 2"),
        (lambda s: s.update({"1.weight": torch.zeros(96)}), r"shape \(96,\)"),
        (lambda s: s.update({"1.weight": torch.zeros(6, 16).int()}), "expected float"),
        (lambda s: s.update({"1.weight": s["1.weight"] / 0}), "NaN or infinity"),
        (
            lambda s: s.update({"1.connections.indices": torch.zeros(3, 6).long()}),
            "gates of 3 inputs",
        ),
        (lambda s: s.update({"2.running_mean": torch.zeros(6)}), "nothing is known of 2.runn"),
        (
            lambda s: s.update({"9.thresholds": torch.zeros(3)}),
            "a binarization can only be the first layer",
        ),
    ],
)
def test_a_damaged_dense_file_is_an_error(tmp_path, change, message):
    state = dense()
    change(state)
    with pytest.raises(InputError, match=rf"m\.pt: (.|\n)*({message})"):
        load(write(tmp_path / "m.pt", state))


@pytest.mark.parametrize("tensors", [
    {"0.weights": torch.zeros(4, 16)},  # difflogic
    {"0.weights": torch.zeros(4, 4)},  # Light / IWP
    {"0.weight": torch.zeros(4, 16), "0.bias": torch.zeros(4)},  # torch.nn.Linear
    {"0.luts": torch.zeros(4, 16), "0.mapping": torch.zeros(4, 4).int()},  # torch_dwn
])  # fmt: skip
def test_other_families_are_declined(tmp_path, tensors):
    reason = torchlogix.recognize(Source(write(tmp_path / "m.pt", tensors)))
    assert reason == "no connections.indices and no tree_weights"


# Pickled modules. The forward tests read real ones.


class Pickled:
    """Its pickle names a class of torchlogix, and would run code."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return eval, (f"__import__('os').mkdir({str(self.mark)!r}) or 'torchlogix.layers.dense'",)


def test_a_pickled_module_is_not_run_unless_trusted(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save(Pickled(tmp_path / "ran"), path)
    assert torchlogix.recognize(Source(path)) is None
    with pytest.raises(InputError, match=r"model\.pt: this is a whole torchlogix model, pickled"
                       r"(.|\n)*--trust-pickle(.|\n)*state_dict"):  # fmt: skip
        load(path)
    monkeypatch.setitem(sys.modules, "torchlogix", None)
    monkeypatch.delitem(sys.modules, "torchlogix.layers", raising=False)
    with pytest.raises(EnvironmentLacksError, match=r"needs the package torchlogix.*Python 3\.12"):
        load(path, GivenFacts(trust_pickle=True))
    assert not (tmp_path / "ran").exists()


# Mutants.


def test_mutants_of_a_dense_file_are_refused_or_valid(tmp_path):
    data = write(tmp_path / "m.pt", dense()).read_bytes()
    tally = check_reader(torchlogix.READER, data, GivenFacts(classes=3))
    assert tally["refused"] > 0.5 * tally.total()


def test_mutants_of_a_convolution_are_refused_or_valid(tmp_path):
    (tmp_path / "l.toml").write_text(CONV)
    data = write(tmp_path / "m.pt", conv_state()).read_bytes()
    tally = check_reader(torchlogix.READER, data, GivenFacts(layers=tmp_path / "l.toml"))
    assert tally["refused"] > 0.5 * tally.total()


def test_mutants_of_learnable_layers_are_refused_or_valid(tmp_path):
    tensors = {
        "0.thresholds": torch.zeros(3, 2),
        "0.raw_diffs": torch.tensor([[0.0, 1.0]] * 3),
        "1.weight": torch.randn(8, 4, generator=torch.Generator().manual_seed(0)),
        "1.connections.weights": torch.rand(6, 2, 8, generator=torch.Generator().manual_seed(0)),
        "1.connections.indices": torch.arange(6)[:, None, None].repeat(1, 2, 8),
    }
    (tmp_path / "l.toml").write_text(
        '[[layer]]\nkind = "binarization"\ntemperature_softplus = 0.1\n[[layer]]\nkind = "dense"'
    )
    data = write(tmp_path / "m.pt", tensors).read_bytes()
    given = GivenFacts(layers=tmp_path / "l.toml", parametrization="warp", input_format="u8")
    tally = check_reader(torchlogix.READER, data, given)
    assert tally["refused"] > 0.5 * tally.total()
