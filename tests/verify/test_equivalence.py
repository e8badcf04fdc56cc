"""Equivalence by ABC, its refutations, and counterexamples in the user's terms."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import naive
import numpy as np
import pytest
from exhaustive import answers, roots_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import encoders, integer_range, netlists

from lgncc.encoder import Encoder
from lgncc.errors import DesignError, EnvironmentLacksError
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.verify import equivalence
from lgncc.verify.equivalence import Equivalence, check_equal, decode, explain


def model_of(netlist, encoder=None, readout=None):
    encoder = encoder or Encoder.identity(netlist.n_inputs)
    return LogicModel(encoder, netlist, readout or Readout.bits(), Provenance("test"))


@settings(max_examples=50)
@given(st.sampled_from([0, equivalence.SMALL_GATES]), st.data())
def test_the_verdict_is_that_of_trying_every_input(small_gates, data):
    before = data.draw(netlists(max_inputs=4, max_state=2, max_gates=8))
    # The same ports with some gates changed: sometimes equal, mostly not.
    if before.n_gates:
        table = before.table.copy()
        table[data.draw(st.integers(0, before.n_gates - 1))] = data.draw(st.integers(0, 15))
        after = replace(before, table=table)
    else:
        after = before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equivalence, "SMALL_GATES", small_gates)
        found = check_equal(before, after)
    assert found.equal == (answers(before) == answers(after))
    if found.equal:
        assert found.counterexample is None
        return
    n = before.n_inputs
    bits = found.counterexample.astype(int).tolist()
    ours, theirs = (roots_of(netlist, bits[:n], bits[n:]) for netlist in (before, after))
    differing = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    assert found.differing.tolist() == differing != []


def wires(n_inputs, outputs, **state):
    return Netlist(n_inputs, np.zeros((0, 2)), [], outputs, **state)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (wires(0, []), wires(0, []), True),
        (wires(2, []), wires(2, []), True),
        (wires(0, [0, 1]), wires(0, [0, 1]), True),
        (wires(0, [0, 1]), wires(0, [0, 0]), False),
        (wires(1, [1]), wires(1, [0]), False),
        (wires(2, [2]), wires(2, [3]), False),
        (Netlist(1, [[2, 2]], [0x9], [3]), wires(1, [1]), True),
        (Netlist(1, [[2, 0]], [0x5], [3]), wires(1, [2]), False),
    ],
)
def test_netlists_without_gates_inputs_or_outputs_get_a_verdict(one, other, equal):
    assert check_equal(one, other).equal == equal
    assert check_equal(other, one).equal == equal


def test_a_mapped_netlist_is_compared_with_its_gates():
    gates = Netlist(4, [[2, 3], [4, 5], [6, 7]], [0x8, 0xE, 0x6], [8])
    table = sum(((r & r >> 1 & 1) ^ (r >> 2 & 1 | r >> 3)) << r for r in range(16))
    assert check_equal(gates, Netlist(4, [[2, 3, 4, 5]], [table], [6])).equal
    assert not check_equal(gates, Netlist(4, [[2, 3, 4, 5]], [table ^ 0x100], [6])).equal


def test_a_difference_that_only_the_second_netlist_reads_is_found():
    # The first one's output does not read input 1 at all.
    found = check_equal(wires(12, [2]), Netlist(12, [[2, 9]], [0xE], [14]))
    assert not found.equal
    assert found.counterexample[0] == 0
    assert found.counterexample[7] == 1


@pytest.mark.parametrize("sweeps", [0, 1, 2])
def test_large_networks_get_the_same_verdicts(monkeypatch, sweeps):
    monkeypatch.setattr(equivalence, "SMALL_GATES", 0 if sweeps else 9)
    monkeypatch.setattr(equivalence, "LARGE_GATES", 0 if sweeps == 2 else 9)
    one = Netlist(3, [[2, 3], [5, 4]], [0x8, 0x6], [6])
    assert check_equal(one, Netlist(3, [[3, 2], [4, 5]], [0x7, 0x9], [6])).equal
    found = check_equal(one, Netlist(3, [[3, 2], [4, 5]], [0x7, 0x6], [6]))
    assert found.differing.tolist() == [0]


def test_ports_and_resets_must_agree_before_functions_are_compared():
    with pytest.raises(DesignError) as caught:
        check_equal(wires(2, [2]), wires(3, [2, 3]))
    assert str(caught.value) == (
        "equivalence: ports differ: (inputs, state, outputs) (2, 0, 1) against (3, 0, 2)"
    )
    state = {"next_state": [2]}
    with pytest.raises(DesignError, match=r"^equivalence: reset values differ$"):
        check_equal(wires(0, [], reset=[True], **state), wires(0, [], reset=[False], **state))


def test_a_proof_that_takes_too_long_is_no_verdict():
    one = Netlist(2, [[2, 3]], [0x8], [4])
    with pytest.raises(DesignError, match=r"no verdict in 0 s \(1 against 1 gates\)"):
        check_equal(one, one, timeout_s=0.0)


def abc_that_runs(tmp_path, monkeypatch, script):
    program = tmp_path / "abc"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("ABC", str(program))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "equivalence: ABC reached no verdict: it printed nothing"),
        ("echo out of memory >&2", "equivalence: ABC reached no verdict: out of memory"),
        (
            "echo Networks are UNDECIDED.",
            "equivalence: ABC reached no verdict: Networks are UNDECIDED.",
        ),
        (
            "echo 'Networks are NOT EQUIVALENT.'; echo 'Input pattern: pi0=0'",
            "equivalence: ABC says they differ, but its counterexample shows none",
        ),
    ],
)
def test_an_abc_that_fails_or_lies_is_not_believed(tmp_path, monkeypatch, script, message):
    abc_that_runs(tmp_path, monkeypatch, script)
    one = Netlist(2, [[2, 3]], [0x8], [4])
    with pytest.raises(DesignError) as caught:
        check_equal(one, one)
    assert str(caught.value) == message


def test_an_older_abc_that_lists_only_the_inputs_read_is_understood(tmp_path, monkeypatch):
    abc_that_runs(
        tmp_path,
        monkeypatch,
        "echo 'Networks are NOT EQUIVALENT.'; echo 'Input pattern:  pi1=1 pi0=1'",
    )
    found = check_equal(Netlist(3, [[2, 3]], [0x8], [5]), Netlist(3, [[2, 3]], [0x6], [5]))
    assert found.counterexample.tolist() == [True, True, False]


def test_without_abc_the_lack_is_named(monkeypatch):
    monkeypatch.setenv("ABC", "no-such-program")
    with pytest.raises(EnvironmentLacksError, match="ABC=no-such-program"):
        check_equal(wires(1, [2]), wires(1, [2]))


def encode(encoder, features):
    return naive.thermometer(features, encoder.feature.tolist(), encoder.threshold.tolist())


@given(st.data())
def test_decoding_finds_a_sample_exactly_where_one_encodes_to_the_bits(data):
    encoder = data.draw(encoders(max_features=2, max_width=3))
    bits = data.draw(arrays(bool, encoder.n_bits))
    wanted = bits.astype(int).tolist()
    ranges = [
        range(low, high + 1)
        for low, high in (
            integer_range(int(b), bool(s))
            for b, s in zip(encoder.bits, encoder.signed, strict=True)
        )
    ]
    possible = any(encode(encoder, features) == wanted for features in product(*ranges))
    found = decode(encoder, bits)
    assert (found is not None) == possible
    if found is not None:
        assert all(value in allowed for value, allowed in zip(found.tolist(), ranges, strict=True))
        assert encode(encoder, found.tolist()) == wanted


@given(st.data())
def test_what_a_sample_encodes_to_can_be_decoded(data):
    encoder = data.draw(encoders())
    features = [
        data.draw(st.integers(*integer_range(int(b), bool(s))))
        for b, s in zip(encoder.bits, encoder.signed, strict=True)
    ]
    bits = np.array(encode(encoder, features), bool)
    assert encode(encoder, decode(encoder, bits).tolist()) == bits.astype(int).tolist()


def refutation(bits, differing):
    return Equivalence(False, np.array(bits, bool), np.array(differing))


def test_a_counterexample_that_no_sample_encodes_to_is_shown_as_bits():
    # Bit 0 is x > 1, bit 1 is x > 3: bit 1 alone is impossible.
    netlist = wires(2, [2])
    model = model_of(netlist, Encoder([3], [False], [0], [0, 0], [1, 3]))
    said = explain(model, model, refutation([0, 1], [0]))
    assert said.splitlines() == [
        "1 outputs differ, first: o0",
        "network inputs at 1 (no sample encodes to this): [1]",
    ]


def test_a_sample_of_zeros_is_said_in_words():
    model = model_of(wires(2, [2]))
    assert explain(model, model, refutation([0, 0], [0])).endswith("\nfeatures: all 0")


def test_ports_names_are_used_and_next_states_named():
    netlist = Netlist(1, np.zeros((0, 2)), [], [2, 0], [2, 3], [0, 1], ("pin",), ("left", "right"))
    model = model_of(netlist)
    assert explain(model, model, refutation([1, 0, 0], [1, 3])).splitlines() == [
        "2 outputs differ, first: right, next s1",
        "features: 0=1 and the others 0",
    ]
