"""The synthesized netlist against the mapped LUTs: families, pipelines, and every fault refuted."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import yosys
from builds import small_model
from mapped_designs import map_plainly

from lgncc.emit.families import FAMILIES
from lgncc.emit.luts import luts_verilog
from lgncc.errors import InputError
from lgncc.golden import Simulator
from lgncc.mapping.stages import plan_stages, with_relays
from lgncc.verify.lemma import RefutedError
from lgncc.verify.synthesized import check_synthesized

FAULTS = 200
FLIP_FLOPS = {"SB_DFF": "D", "SB_DFFE": "D", "TRELLIS_FF": "DI", "DFF": "D", "DFFE": "D"}
LUT_PINS = ("I0", "I1", "I2", "I3")


def narrow_design():
    """12 input bits, so that all vectors can be tried."""
    model = small_model()
    encoder = model.encoder
    narrower = replace(encoder, bits=[2, 3, 3, 4], threshold=encoder.threshold >> 2)
    return map_plainly(replace(model, encoder=narrower), np.random.default_rng(5))


def synthesize(folder, design, stages, family, enable=True):
    """The instance `core` in a module `top`, as the flow leaves the LUTs: read, flattened."""
    cells = luts_verilog(
        design.luts, stages, "luts", enable=enable, family=FAMILIES[family], part=design.part
    )
    enabled = ", .enable(enable)" * enable
    inputs, outputs = design.luts.n_inputs, len(design.luts.outputs)
    (folder / "luts.v").write_text(cells)
    (folder / "top.v").write_text(
        "module top(input clk, input enable, "
        f"input [{inputs - 1}:0] a, output [{outputs - 1}:0] b);\n"
        f"  luts core(.x(a), .y(b), .clk(clk){enabled});\nendmodule\n"
    )
    yosys.run(
        folder,
        [
            "read_verilog top.v",
            "read_verilog -lib luts.v",
            f"synth_{family} -top top",
            "read_verilog -overwrite luts.v",
            "flatten",
            "opt_clean",
            "write_json top.json",
        ],
    )
    return folder / "top.json"


@pytest.fixture(scope="module", params=[*sorted(FAMILIES), *(f"{f}, free" for f in FAMILIES)])
def built(request, tmp_path_factory):
    """With an enable, and with registers that nothing holds."""
    design = narrow_design()
    stages = plan_stages(design.luts, 5)
    assert stages.ranks > 2
    family, comma, _ = request.param.partition(",")
    folder = tmp_path_factory.mktemp("synthesis")
    return design, stages, synthesize(folder, design, stages, family, enable=not comma)


def check(built, path=None):
    design, stages, right = built
    return check_synthesized(design, path or right, stages.ranks, instance="core")


def faulty(built, folder, change):
    """The netlist with `change(cells)` applied."""
    contents = json.loads(built[2].read_text())
    change(contents["modules"]["top"]["cells"])
    path = folder / "faulty.json"
    path.write_text(json.dumps(contents))
    return path


def test_the_cells_of_every_family_are_read_and_proved(built):
    rung = check(built)
    assert (rung.rung, rung.result) == ("synthesis", "proved")
    assert f"registers in {built[1].ranks} ranks, one clock" in rung.detail
    assert "2 bits of answer and state are those of the mapped LUTs" in rung.detail


def test_ranks_for_wires_are_proved_in_a_synthesized_netlist(tmp_path):
    design = narrow_design()
    stages = with_relays(design.luts, plan_stages(design.luts, 1), design.luts.depth)
    path = synthesize(tmp_path, design, stages, "ecp5", enable=False)
    rung = check_synthesized(design, path, stages.ranks, instance="core")
    assert (rung.rung, rung.result) == ("synthesis", "proved")
    assert f"registers in {2 * design.luts.depth + 1} ranks, one clock" in rung.detail


def registers(cells):
    return [name for name, cell in cells.items() if cell["type"] in FLIP_FLOPS]


def test_a_register_of_another_enable_is_refuted_by_name(built, tmp_path):
    def change(cells):
        cell = cells[registers(cells)[3]]
        cell["type"] = {"SB_DFF": "SB_DFFE", "DFF": "DFFE"}.get(cell["type"], cell["type"])
        if "CEMUX" in cell["parameters"]:
            cell["parameters"]["CEMUX"] = "CE"
        pin = {"SB_DFFE": "E"}.get(cell["type"], "CE")
        cell["connections"][pin] = ["1"]

    with pytest.raises(RefutedError, match=r"register core\.\S+ has another enable than"):
        check(built, faulty(built, tmp_path, change))


def test_a_register_of_another_clock_is_refuted_by_name(built, tmp_path):
    def change(cells):
        connections = cells[registers(cells)[3]]["connections"]
        connections["C" if "C" in connections else "CLK"] = ["1"]

    with pytest.raises(RefutedError, match=r"register core\.\S+ has another clock than"):
        check(built, faulty(built, tmp_path, change))


def test_a_missing_register_is_refuted(built, tmp_path):
    def change(cells):
        name = registers(cells)[0]
        connections = cells.pop(name)["connections"]
        (kept,), (lost,) = connections.get("D") or connections["DI"], connections["Q"]
        for cell in cells.values():
            for pin, bits in cell["connections"].items():
                cell["connections"][pin] = [kept if bit == lost else bit for bit in bits]

    with pytest.raises(RefutedError, match="structure: refuted: "):
        check(built, faulty(built, tmp_path, change))


def test_fewer_ranks_than_planned_are_refuted(built):
    design, stages, path = built
    wanted = f"{stages.ranks} ranks of registers; {stages.ranks + 1} were planned"
    with pytest.raises(RefutedError, match=wanted):
        check_synthesized(design, path, stages.ranks + 1, instance="core")


def test_a_cell_of_an_unknown_kind_is_refuted(built, tmp_path):
    def change(cells):
        cells[registers(cells)[0]]["type"] = "SB_DFFNE"

    with pytest.raises(RefutedError, match="reads a net that is driven by a cell that is not"):
        check(built, faulty(built, tmp_path, change))


def test_files_that_are_no_netlists_are_refused(built, tmp_path):
    design, stages, path = built
    wrong = tmp_path / "top.json"
    wrong.write_text("{}")
    with pytest.raises(InputError, match=r"top\.json: not a netlist of a module top"):
        check(built, wrong)
    with pytest.raises(InputError, match=r"has no net shell\.core\.luts\.y"):
        check_synthesized(design, path, stages.ranks)


class LoopError(Exception):
    pass


def evaluate(module, words):
    """The instance's y for inputs uint64 (n, W), flip-flops as wires, by recursion."""
    nets = module["netnames"]
    value = {"0": np.zeros_like(words[0]), "1": ~np.zeros_like(words[0])}
    value |= dict(zip(nets["core.x"]["bits"], words, strict=True))
    driver = {}
    for cell in module["cells"].values():
        out = next((cell["connections"][p] for p in ("O", "Q") if p in cell["connections"]), None)
        if out:
            driver[out[0]] = cell

    def of(bit, above=()):
        if bit in above:
            raise LoopError
        if bit not in value:
            cell = driver[bit]
            pins = [FLIP_FLOPS[cell["type"]]] if cell["type"] in FLIP_FLOPS else LUT_PINS
            inputs = [of(cell["connections"][pin][0], (*above, bit)) for pin in pins]
            rows = cell["parameters"].get("LUT_INIT", "10")[::-1]
            result = np.zeros_like(words[0])
            for row, one in enumerate(rows):
                if one == "1":
                    term = ~np.zeros_like(words[0])
                    for slot, fanin in enumerate(inputs):
                        term = term & (fanin if row >> slot & 1 else ~fanin)
                    result |= term
            value[bit] = result
        return value[bit]

    return np.stack([of(bit) for bit in nets["core.y"]["bits"]])


def break_one(module, rng):
    """One fault: a row of a LUT, a connection, two pins swapped."""
    cells = module["cells"]
    names = [n for n, c in cells.items() if c["type"] == "SB_LUT4" or c["type"] in FLIP_FLOPS]
    cell = cells[names[rng.integers(len(names))]]
    connections = cell["connections"]
    outputs = [c["connections"].get("O") or c["connections"].get("Q") for c in cells.values()]
    anything = [bits[0] for bits in outputs if bits] + module["netnames"]["core.x"]["bits"]
    if cell["type"] != "SB_LUT4":
        connections["D"] = [anything[rng.integers(len(anything))]]
        return
    kind = rng.integers(3)
    if kind == 0:
        at = rng.integers(16)
        init = cell["parameters"]["LUT_INIT"]
        cell["parameters"]["LUT_INIT"] = init[:at] + str(1 - int(init[at])) + init[at + 1 :]
    elif kind == 1:
        connections[LUT_PINS[rng.integers(4)]] = [anything[rng.integers(len(anything))]]
    else:
        a, b = (LUT_PINS[i] for i in rng.permutation(4)[:2])
        connections[a], connections[b] = connections[b], connections[a]


def trimmed(contents):
    """Only what is read, so that many copies are quick."""
    top = contents["modules"]["top"]
    nets = {
        name: net for name, net in top["netnames"].items() if re.fullmatch(r"core\.[a-z]+", name)
    }
    for cell in top["cells"].values():
        cell["attributes"] = {}
    return {"modules": {"top": {"cells": top["cells"], "netnames": nets}}}


def test_every_fault_of_cells_and_connections_is_refuted(tmp_path):
    design = narrow_design()
    stages = plan_stages(design.luts, 5)
    path = synthesize(tmp_path, design, stages, "ice40")
    contents = trimmed(json.loads(path.read_text()))
    right = json.dumps(contents)  # parsed again, it is a quick copy
    row = np.arange(1 << design.luts.n_inputs)
    words = np.stack([np.packbits(row >> i & 1, bitorder="little").view("<u8") for i in range(12)])
    answers = Simulator(design.luts).run(words.astype(np.uint64))[0]
    assert np.array_equal(evaluate(contents["modules"]["top"], words), answers)
    rng = np.random.default_rng(11)
    changing = 0
    while changing < FAULTS:
        wrong = json.loads(right)
        break_one(wrong["modules"]["top"], rng)
        try:
            same = np.array_equal(evaluate(wrong["modules"]["top"], words), answers)
        except LoopError:
            same = False
        if not same:
            changing += 1
            (tmp_path / "wrong.json").write_text(json.dumps(wrong))
            with pytest.raises(RefutedError):
                check((design, stages, tmp_path / "wrong.json"))
