"""The text of mapped LUTs: short and legal to read, and the same function in every family's cells.

yosys's own models of the cells are the judges: by all rows of every table of one to three inputs
and of many of four, and by a proof over registers.
"""

from __future__ import annotations

import re
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import yosys
from hypothesis import given
from strategies import netlists

from lgncc.emit.families import FAMILIES, family_of
from lgncc.emit.luts import luts_verilog
from lgncc.errors import DesignError
from lgncc.flow.run import ToolFailedError
from lgncc.mapping.stages import plan_stages, with_cuts
from lgncc.netlist import Netlist

MODELS = {
    "ice40": ("ice40/cells_sim.v", ["SB_LUT4", "SB_DFF", "SB_DFFE"]),
    "ecp5": ("ecp5/common_sim.vh", ["LUT4", "TRELLIS_FF"]),
    "gowin": ("gowin/cells_sim.v", ["LUT1", "LUT2", "LUT3", "LUT4", "DFF", "DFFE"]),
}
SMALL = Netlist(3, [(2, 3, 0, 0), (5, 4, 2, 0)], [0x6666, 0x9A9A], [6, 5, 1])

PORTABLE = """\
module net(x, clk, enable, y);
  input [2:0] x;
  input clk;
  input enable;
  output [2:0] y;
  wire n2 = x[0];
  wire n3 = x[1];
  wire n4 = x[2];
  reg n2_1;
  reg n4_1;
  reg n5_1;
  reg n5_2;
  reg n6_1;
  localparam [3:0] T4_6 = 4'h6;
  localparam [7:0] T8_9a = 8'h9a;
  wire n5 = T4_6[{n3, n2}];
  wire n6 = T8_9a[{n2_1, n4_1, n5_1}];
  always @(posedge clk)
    if (enable) begin
      n2_1 <= n2;
      n4_1 <= n4;
      n5_1 <= n5;
      n5_2 <= n5_1;
      n6_1 <= n6;
    end
  assign y = {
    1'b1, n5_2, n6_1
  };
endmodule
"""


def test_a_small_design_reads_like_this():
    assert luts_verilog(SMALL, with_cuts(SMALL, (1, 2)), "net") == PORTABLE


def test_cells_are_named_by_their_part():
    text = luts_verilog(
        SMALL, with_cuts(SMALL, (1, 2)), "net", family=FAMILIES["ice40"], part=np.array([1, 2])
    )
    names = re.findall(r"(SB_\w+) .*?\\(\S+) +\(", text)
    assert names == [
        ("SB_LUT4", "network.n5"),
        ("SB_LUT4", "readout.n6"),
        ("SB_DFFE", "encoder.n2_1"),
        ("SB_DFFE", "encoder.n4_1"),
        ("SB_DFFE", "network.n5_1"),
        ("SB_DFFE", "network.n5_2"),
        ("SB_DFFE", "readout.n6_1"),
    ]


@given(netlists(k=4, named=False))
def test_every_name_is_declared_once_and_before_it_is_read(netlist):
    text = luts_verilog(netlist, plan_stages(netlist, 2), "net")
    declared = set()
    for line in text.splitlines():
        names = re.findall(r"\b(?:n\d+(?:_\d+)?|T\d+_[0-9a-f]+)\b", line)
        if re.match(r"  (wire|reg|localparam) ", line):
            assert names[0] not in declared
            declared.add(names[0])
        assert set(names) <= declared


def test_lines_stay_short_however_many_outputs_there_are():
    netlist = Netlist(1, np.zeros((0, 4)), [], np.full(60_000, 2))
    text = luts_verilog(netlist, plan_stages(netlist, 1), "net")
    assert max(map(len, text.splitlines())) < 250


def models(family):
    """yosys's text of the family's cells alone: reading a whole library takes a minute."""
    (folder,) = util.find_spec("pyosys").submodule_search_locations
    file, cells = MODELS[family]
    library = Path(folder, "share", file).read_text()
    library = re.sub(r"specify.*?endspecify", "", library, flags=re.DOTALL)
    library = re.sub(r"`\w+( ICE40_\w+)?", "", library)  # conditions around timing, default values
    found = [re.search(rf"module {cell}\s*\(.*?endmodule", library, re.DOTALL) for cell in cells]
    return "\n".join(match[0] for match in found) + "\n"


def all_tables(n_inputs):
    """Every table of so many inputs, or of four some hundred, as LUTs of the same inputs."""
    rows = 1 << n_inputs
    tables = range(1 << rows) if rows < 16 else np.random.default_rng(0).integers(0, 1 << 16, 300)
    fanin = [*range(2, 2 + n_inputs), *[0] * (4 - n_inputs)]
    # What the rows say where an unused fanin is 1 must not matter.
    garbage = 0xA5C3 << rows & 0xFFFF
    padded = [int(table) | garbage for table in tables]
    n = len(padded)
    outputs = np.arange(2 + n_inputs, 2 + n_inputs + n)
    return Netlist(n_inputs, [fanin] * n, padded, outputs), [int(t) for t in tables]


@pytest.mark.parametrize("n_inputs", [1, 2, 3, 4])
@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_every_table_is_looked_up_as_its_bits_say(tmp_path, family, n_inputs):
    luts, tables = all_tables(n_inputs)
    chosen = FAMILIES[family] if family else None
    text = luts_verilog(luts, with_cuts(luts, (1,)), "net", family=chosen)
    # The registers are another test's: here they are wires.
    text = re.sub(r"^ *(SB_DFFE|TRELLIS_FF|DFFE) .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ *(reg|wire) n\d+_1;\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"always.*?\n    end\n", "", text, flags=re.DOTALL)
    text = re.sub(r"\b(n\d+)_1\b", r"\1", text)
    (tmp_path / "net.v").write_text(text + (models(family) if family else ""))
    script = ["read_verilog net.v", "hierarchy -top net", "proc", "flatten", "opt_clean"]
    log = yosys.run(tmp_path, [*script, "eval -table x net"])
    expected = [
        {"x": x, "y": sum((table >> x & 1) << i for i, table in enumerate(tables))}
        for x in range(1 << n_inputs)
    ]
    assert yosys.truth_tables(log) == [expected]


def pipeline(seed):
    """Random LUTs of every size behind three ranks."""
    rng = np.random.default_rng(seed)
    fanin = [rng.integers(0, 7 + i, 4) for i in range(24)]
    luts = Netlist(5, fanin, rng.integers(0, 1 << 16, 24), np.arange(15, 31))
    return luts, plan_stages(luts, -(-luts.depth // 3))


def prove(folder, family, gold, gate):
    """yosys proves, over the registers, that a family's cells do what the portable text says."""
    (folder / "both.v").write_text(gold + gate + models(family))
    lines = [
        "read_verilog both.v",
        "hierarchy",
        "proc",
        "flatten gold gate",
        "opt_clean",
        "equiv_make gold gate equiv",
        "prep -top equiv",
        "equiv_simple -undef",
        "equiv_induct -undef",
        "equiv_status -assert",
    ]
    yosys.run(folder, lines)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pipeline_of_cells_does_what_the_portable_text_says(tmp_path, family):
    luts, stages = pipeline(0)
    portable = luts_verilog(luts, stages, "gold")
    cells = luts_verilog(luts, stages, "gate", family=FAMILIES[family])
    prove(tmp_path, family, portable, cells)
    with pytest.raises(ToolFailedError, match="unproven"):
        prove(tmp_path, family, portable, cells.replace("enable)", "1'b1)"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pipeline_that_nothing_holds_does_what_the_portable_text_says(tmp_path, family):
    luts, stages = pipeline(1)
    portable = luts_verilog(luts, stages, "gold", enable=False)
    assert "module gold(x, clk, y);" in portable
    cells = luts_verilog(luts, stages, "gate", enable=False, family=FAMILIES[family])
    prove(tmp_path, family, portable, cells)


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(DesignError, match=r"for xc7 yet, only for ice40, ecp5, gowin.*-O 1"):
        family_of("xc7")
