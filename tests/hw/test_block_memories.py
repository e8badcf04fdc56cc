# amaranth: UnusedElaboratable=no
"""What lgncc counts as block RAM is block RAM of every family, and none of it is in LUTs."""

import json

import pytest
import yosys
from amaranth.back import rtlil

from lgncc.hw.nodes import BlockNodes
from lgncc.hw.received import BitMemory

BLOCKS = {"ice40": ("SB_RAM40",), "ecp5": ("DP16KD", "PDPW16KD"), "gowin": ("SP", "SDP", "DP")}
IN_LUTS = ("TRELLIS_DPR16X4", "RAM16S")


@pytest.mark.slow
@pytest.mark.parametrize("family", BLOCKS)
@pytest.mark.parametrize(
    ("component", "blocks"), [(lambda: BlockNodes(700, 1), 2), (lambda: BitMemory(256), 1)]
)
def test_it_stands_in_block_ram(tmp_path, family, component, blocks):
    (tmp_path / "top.il").write_text(rtlil.convert(component(), emit_src=False))
    script = ["read_rtlil top.il", f"synth_{family} -top top", "tee -o stat.json stat -json"]
    yosys.run(tmp_path, script)
    counts = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    found = {cell: n for cell, n in counts.items() if cell.startswith(BLOCKS[family] + IN_LUTS)}
    assert sum(found.values()) == blocks, found
    assert not any(cell.startswith(IN_LUTS) for cell in found)
