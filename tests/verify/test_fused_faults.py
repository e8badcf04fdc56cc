"""The mutation test on what users build: the shipped networks, fused into their readouts.

Faults in table bits, wires and ports of the LUTs; 504 that change an answer, each refuted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import fault_tally
import numpy as np
import pytest
from mutations import IN_CERTIFICATE, with_luts

from lgncc.golden import Simulator
from lgncc.mapping.abc import AREA
from lgncc.mapping.map_model import map_model
from lgncc.mapping.options import MappingOptions
from lgncc.verify import mapped
from lgncc.verify.lemma import RefutedError
from lgncc.verify.mapped import prove_mapped

CHANGING = 63  # of each of the eight designs
FALSE_ACCOUNTS = 15
OTHER_NETWORKS = 5


@cache
def design_of(name):
    return fault_tally.DESIGNS[name]()


@pytest.mark.slow
@pytest.mark.parametrize("name", fault_tally.DESIGNS)
def test_every_fault_of_a_fused_design_that_changes_an_answer_is_refuted(name, record_property):
    found = fault_tally.tally(design_of(name), CHANGING)
    for (verdict, effect), count in found.items():
        record_property(f"{effect}, {verdict}", count)
        print(f"{name}: {count} faults: {effect}, {verdict}")
    assert not found["proved", "changes"]
    assert not found["proved", "open"], "shown neither to change an answer nor to change none"
    assert sum(count for (_, effect), count in found.items() if effect == "changes") == CHANGING


def test_designs_are_fused():
    for name in fault_tally.DESIGNS:
        if "bits" not in name:
            design = design_of(name)
            assert design.compression.extended.n_gates > design.luts.n_gates  # ghosts


def test_a_proof_without_its_blocks_misses_faults(monkeypatch):
    """What the tally would say of a proof that has a hole."""
    monkeypatch.setattr(mapped, "check_blocks", lambda *_: "all is well")
    found = fault_tally.tally(design_of("digits, class, LUT4"), 15)
    assert found["proved", "changes"] > 3


def test_a_row_that_is_never_read_is_the_same_and_one_that_is_read_is_not():
    luts = design_of("digits, class, LUT4").luts
    gate = int(np.argmax((luts.fanin[:, -1] == 0) & (luts.fanin[:, -2] > 1)))
    for row, same in ((8, True), (0, False)):  # a fanin that is constant 0 is 1 in row 8
        table = luts.table.copy()
        table[gate] ^= np.uint64(1 << row)
        assert fault_tally.is_same(luts, replace(luts, table=table)) == same


@pytest.mark.parametrize("name", [name for name in fault_tally.DESIGNS if "bits" not in name])
def test_every_false_account_of_a_fused_design_is_refuted(name):
    rng = np.random.default_rng(9)
    design = design_of(name)
    for index in range(FALSE_ACCOUNTS):
        fault = IN_CERTIFICATE[index % len(IN_CERTIFICATE)]
        false = replace(design, compression=fault(design.compression, rng))
        assert fault_tally.verdict(false) != "proved", fault.__doc__


def test_a_design_of_another_network_is_refuted_with_a_certificate_that_fits_it():
    """LUTs, ghosts and books agree with each other, but are of a network with one bit flipped."""
    model, rng = fault_tally.read("mnist16"), np.random.default_rng(3)
    netlist = model.netlist
    inputs = rng.integers(0, 1 << 64, (netlist.n_inputs, 16), np.uint64, endpoint=False)
    right = Simulator(netlist).run(inputs)[0]
    refuted = 0
    while refuted < OTHER_NETWORKS:
        table = netlist.table.copy()
        table[rng.integers(len(table))] ^= np.uint64(1 << rng.integers(4))
        other = replace(model, netlist=replace(netlist, table=table))
        if np.array_equal(Simulator(other.netlist).run(inputs)[0], right):
            continue
        design = map_model(other, 4, MappingOptions(attempts=1, script=AREA))
        prove_mapped(design)
        with pytest.raises(RefutedError, match=r"^(leaves|normal form): refuted"):
            prove_mapped(replace(design, model=model))
        refuted += 1


def test_a_state_that_is_not_updated_is_refuted():
    design = design_of("mnist16 with state, class, LUT4")
    luts = design.luts
    next_state = luts.next_state.copy()
    next_state[3] = luts.first_state + 3
    faulty = with_luts(design, replace(luts, next_state=next_state))
    with pytest.raises(RefutedError, match="leaves: refuted: next state 3 is wrong"):
        prove_mapped(faulty)
