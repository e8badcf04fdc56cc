"""The Verilog of the mapped LUTs, read back: proved where right, refuted with any line altered."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from builds import small_model
from mapped_designs import map_plainly

from lgncc.emit.luts import luts_verilog
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.golden import Simulator
from lgncc.mapping.design import MappedDesign
from lgncc.mapping.stages import plan_stages, with_relays
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist
from lgncc.verify.hdl import check_hdl
from lgncc.verify.lemma import RefutedError

FAULTS = 100


@pytest.fixture(scope="module", params=[True, False], ids=["held", "free"])
def written(request, tmp_path_factory):
    """A design, its stages, and a file of its Verilog behind another module."""
    design = map_plainly(small_model(), np.random.default_rng(0))
    stages = plan_stages(design.luts, 5)
    path = tmp_path_factory.mktemp("hdl") / "core.v"
    text = luts_verilog(design.luts, stages, "lgncc_luts", enable=request.param)
    path.write_text("module other(a);\n  input a;\nendmodule\n" + text)
    return design, stages, path


def altered(written, folder, pattern, replacement):
    design, stages, path = written
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1
    (folder / "core.v").write_text(text)
    return check_hdl(design, folder / "core.v", stages.ranks)


def test_the_text_is_read_back_and_proved(written):
    design, stages, path = written
    rung = check_hdl(design, path, stages.ranks)
    assert (rung.rung, rung.result) == ("hdl", "proved")
    assert f"registers in {stages.ranks} ranks, one clock" in rung.detail


@pytest.fixture
def relayed():
    """A design whose every LUT has a cycle of its own, and so have the wires between."""
    design = map_plainly(small_model(), np.random.default_rng(0))
    luts = design.luts
    stages = with_relays(luts, plan_stages(luts, 1), luts.depth)
    assert stages.ranks == 2 * luts.depth + 1
    return design, stages


def test_ranks_for_wires_are_read_back_and_counted(relayed, tmp_path):
    design, stages = relayed
    path = tmp_path / "core.v"
    path.write_text(luts_verilog(design.luts, stages, "lgncc_luts", enable=False))
    rung = check_hdl(design, path, stages.ranks)
    assert (rung.rung, rung.result) == ("hdl", "proved")
    assert f"registers in {2 * design.luts.depth + 1} ranks, one clock" in rung.detail


def test_a_missing_register_for_wires_is_refuted(relayed, tmp_path):
    design, stages = relayed
    path = tmp_path / "core.v"
    text = luts_verilog(design.luts, stages, "lgncc_luts", enable=False)
    text, count = re.subn(r"(      n(\d+)_2 <=) n\2_1;", r"\1 n\2;", text, count=1)
    assert count == 1
    path.write_text(text)
    with pytest.raises(RefutedError, match="structure: refuted: "):
        check_hdl(design, path, stages.ranks)


@pytest.mark.parametrize("k", [4, 6])
def test_a_netlist_with_state_is_read_back(tmp_path, k):
    # Two bits that count, and a LUT of both.
    repeat = 1 << k - 3
    gates = Netlist(
        1,
        [[*nodes, *[0] * (k - len(nodes))] for nodes in ([2, 3], [2, 3, 4], [5, 6])],
        [int(rows * repeat, 2) for rows in ("01100110", "01101010", "10001000")],
        outputs=[7],
        next_state=[5, 6],
        reset=[False, False],
    )
    nothing = Netlist(1, np.zeros((0, 2)), [], [2])
    model = LogicModel(Encoder.identity(1), nothing, Readout.bits(), Provenance("test"))
    design = MappedDesign(model, gates, np.zeros(3, np.uint8), None, None)
    stages = plan_stages(gates, 2)
    path = tmp_path / "core.v"
    text = luts_verilog(gates, stages, "lgncc_luts")
    path.write_text(text)
    assert "3 bits of answer and state" in check_hdl(design, path, stages.ranks).detail
    path.write_text(text.replace("if (step)", "if (enable)"))
    with pytest.raises(RefutedError, match="has another enable than the state"):
        check_hdl(design, path, stages.ranks)


def test_a_line_of_another_kind_is_refuted(written, tmp_path):
    with pytest.raises(RefutedError, match="not understood: initial n7 = 1;"):
        altered(written, tmp_path, r"\n  wire n", "\n  initial n7 = 1;\n  wire n")


def test_a_missing_register_is_refuted(written, tmp_path):
    with pytest.raises(RefutedError, match="structure: refuted: "):
        altered(written, tmp_path, r"(      n\d+_1) <= n(\d+);", r"\1 <= n\g<2>_1;")


def test_ranks_that_are_not_held_alike_are_refuted(written, tmp_path):
    held = "    if (enable) begin" in written[2].read_text()
    first, one = r"    if \(enable\) begin\n", r"(      n\d+_1 <= n\d+;\n)"
    pattern = (first if held else "    begin\n") + one
    other = "    begin\n" if held else "    if (n2) begin\n"
    same = "    if (enable) begin\n" if held else "    begin\n"
    split = f"{other}\\1    end\n  always @(posedge clk)\n{same}"
    with pytest.raises(RefutedError, match="has another enable than the pipeline"):
        altered(written, tmp_path, pattern, split)


def test_a_wider_table_than_its_index_is_refuted(written, tmp_path):
    with pytest.raises(RefutedError, match="not understood: wire n"):
        altered(written, tmp_path, r"(wire n\d+ = \w+\[\{)", r"\1n2, ")


def test_a_file_without_the_module_is_refused(written, tmp_path):
    with pytest.raises(InputError, match=r"core\.v: has 0 modules lgncc_luts; one is needed"):
        altered(written, tmp_path, "module lgncc_luts", "module lgncc_lut")


def test_a_changed_function_is_refuted_wherever_it_is_seen(written, tmp_path):
    """Each LUT's table complemented in turn; those that no output reads do not count."""
    design, stages, path = written
    lines = path.read_text().splitlines()
    luts = design.luts
    used = np.zeros(luts.n_nodes, np.bool_)
    used[luts.outputs] = True
    for ids in reversed(list(luts.by_level())):
        used[luts.fanin[ids[used[ids]] - luts.first_gate]] = True
    checked = 0
    for index, line in enumerate(lines):
        found = re.match(r"(  wire n(\d+) = )T(\d+)_([0-9a-f]+)(.*)", line)
        if not found or not used[int(found[2])]:
            continue
        rows = int(found[3])
        table = int(found[4], 16) ^ ((1 << rows) - 1)
        own = f"  localparam [{rows - 1}:0] OWN = {rows}'h{table:x};"
        changed = [*lines[:index], own, f"{found[1]}OWN{found[5]}", *lines[index + 1 :]]
        (tmp_path / "core.v").write_text("\n".join(changed) + "\n")
        if checked % 4 == 0:  # one in four is enough
            assert outcome(design, tmp_path / "core.v", stages) == expected(design, int(found[2]))
        checked += 1
    assert checked > FAULTS


def outcome(design, path, stages):
    try:
        check_hdl(design, path, stages.ranks)
    except RefutedError:
        return "refuted"
    return "proved"


def expected(design, node):
    """Whether complementing a LUT changes an output, tried on many input vectors."""
    luts, table = design.luts, design.luts.table.copy()
    table[node - luts.first_gate] ^= np.uint64(0xFFFF)
    inputs = np.random.default_rng(0).integers(0, 1 << 64, (luts.n_inputs, 256), np.uint64)
    answers = [Simulator(n).run(inputs)[0] for n in (luts, replace(luts, table=table))]
    return "proved" if np.array_equal(*answers) else "refuted"
