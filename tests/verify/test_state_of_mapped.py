"""State in the Verilog and in the synthesized netlist of mapped LUTs: proved, and refuted."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import yosys
from mapped_designs import map_plainly
from recurrent_models import model_with_state

from lgncc.emit.families import FAMILIES
from lgncc.emit.luts import luts_verilog
from lgncc.mapping.stages import plan_stages
from lgncc.verify.hdl import check_hdl
from lgncc.verify.lemma import RefutedError
from lgncc.verify.synthesized import check_synthesized

LEVELS = 3  # the loop of the state is deeper
OUTSIDE = {"in registers": False, "in a memory": True}


def design_of(reset=(True, False, True, False)):
    return map_plainly(model_with_state("class", reset), np.random.default_rng(0))


@pytest.fixture(scope="module", params=OUTSIDE)
def written(request, tmp_path_factory):
    """A design, what its proof needs to know, and its Verilog."""
    design, outside = design_of(), OUTSIDE[request.param]
    stages = plan_stages(design.luts, LEVELS)
    assert stages.loop > 1
    path = tmp_path_factory.mktemp("hdl") / "core.v"
    path.write_text(luts_verilog(design.luts, stages, "lgncc_luts", state_outside=outside))
    return design, stages, outside, path


def check(written, design=None, text=None, loop=None):
    own, stages, outside, path = written
    if text is not None:
        path = path.with_name("altered.v")
        path.write_text(text)
    loop = stages.loop if loop is None else loop
    return check_hdl(design or own, path, stages.ranks, loop=loop, state_outside=outside)


def test_a_state_with_ranks_in_its_loop_is_read_back_and_proved(written):
    rung = check(written)
    assert rung.result == "proved"
    assert "6 bits of answer and state" in rung.detail


def test_state_that_is_taken_at_another_rank_is_refuted(written):
    with pytest.raises(RefutedError, match="next state 0 is behind 2 ranks of registers; 1 were"):
        check(written, loop=1)


def test_another_reset_value_is_refuted(written):
    with pytest.raises(RefutedError, match="in the first step of a sequence"):
        check(written, design_of((True, False, True, True)))


def test_a_first_that_is_ignored_is_refuted(written):
    design, _, _, path = written
    first = 1 + design.luts.n_inputs  # the highest input
    text, count = re.subn(rf"\bn{first}\b(?! =)", "1'b0", path.read_text())
    assert count
    with pytest.raises(RefutedError, match="in the first step of a sequence"):
        check(written, text=text)


def test_swapped_state_bits_are_refuted(written):
    design, _, outside, path = written
    text = path.read_text()
    if outside:
        a, b = (f"x[{design.luts.n_inputs + bit}]" for bit in (0, 1))
    else:
        a, b = re.findall(r"\n( +n\d+ <= )n\d", text.partition("if (step)")[2])[:2]
    text = text.replace(a, "\0").replace(b, a).replace("\0", b)
    with pytest.raises(RefutedError, match="function: refuted: "):
        check(written, text=text)


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("synthesis"), design_of())


def synthesize(folder, design):
    """The LUTs with their state, flattened by yosys for the iCE40."""
    stages = plan_stages(design.luts, LEVELS)
    cells = luts_verilog(design.luts, stages, "luts", family=FAMILIES["ice40"], part=design.part)
    (folder / "luts.v").write_text(cells)
    inputs, outputs = design.luts.n_inputs, len(design.luts.outputs)
    (folder / "top.v").write_text(
        f"module top(input clk, enable, step, input [{inputs - 1}:0] a, "
        f"output [{outputs - 1}:0] b);\n"
        "  luts core(.x(a), .y(b), .clk(clk), .enable(enable), .step(step));\nendmodule\n"
    )
    script = ["read_verilog top.v", "read_verilog -lib luts.v", "synth_ice40 -top top"]
    script += ["read_verilog -overwrite luts.v", "flatten", "opt_clean", "write_json top.json"]
    yosys.run(folder, script)
    return design, stages, folder / "top.json"


def check_cells(synthesized, folder, change=lambda cells, nets: None):
    design, stages, path = synthesized
    contents = json.loads(path.read_text())
    top = contents["modules"]["top"]
    change(top["cells"], top["netnames"])
    altered = folder / "altered.json"
    altered.write_text(json.dumps(contents))
    return check_synthesized(design, altered, stages.ranks, "core", loop=stages.loop)


def registers_of_state(cells, nets, design):
    """Their D pins, bit by bit."""
    found = []
    for node in range(design.luts.first_state, design.luts.first_gate):
        (q,) = nets[f"core.n{node}"]["bits"]
        pins = [c["connections"] for c in cells.values() if c["connections"].get("Q") == [q]]
        found.append(pins[0])
    return found


def test_synthesized_state_is_proved(synthesized, tmp_path):
    assert check_cells(synthesized, tmp_path).result == "proved"


def test_swapped_state_registers_are_refuted(synthesized, tmp_path):
    def change(cells, nets):
        a, b = registers_of_state(cells, nets, synthesized[0])[:2]
        a["D"], b["D"] = b["D"], a["D"]

    with pytest.raises(RefutedError, match="next state 0 is wrong"):
        check_cells(synthesized, tmp_path, change)


def test_a_state_register_that_steps_with_the_pipeline_is_refuted(synthesized, tmp_path):
    def change(cells, nets):
        registers_of_state(cells, nets, synthesized[0])[2]["E"] = nets["core.enable"]["bits"]

    with pytest.raises(RefutedError, match="has another enable than the state"):
        check_cells(synthesized, tmp_path, change)


def test_a_first_that_the_synthesized_netlist_ignores_is_refuted(synthesized, tmp_path):
    def change(cells, nets):
        first = nets["core.x"]["bits"][-1]
        for cell in cells.values():
            pins = cell["connections"]
            for pin in pins:
                pins[pin] = ["0" if bit == first else bit for bit in pins[pin]]

    with pytest.raises(RefutedError, match="in the first step of a sequence"):
        check_cells(synthesized, tmp_path, change)


def test_another_reset_value_than_synthesized_is_refuted(synthesized, tmp_path):
    _, stages, path = synthesized
    other = design_of((False, False, True, False))
    with pytest.raises(RefutedError, match="in the first step of a sequence"):
        check_cells((other, stages, path), tmp_path)


def test_state_that_the_luts_do_not_need_is_there_and_proved(tmp_path):
    design = design_of()
    luts = design.luts
    unread, read = luts.first_state, luts.first_state + 1
    fanin = np.where(luts.fanin == unread, read, luts.fanin)
    extended = replace(design.compression.extended, fanin=fanin, table=luts.table)
    compression = replace(design.compression, extended=extended)
    design = replace(design, luts=replace(luts, fanin=fanin), compression=compression)
    assert not (design.luts.fanin == unread).any()
    assert check_cells(synthesize(tmp_path, design), tmp_path).result == "proved"
