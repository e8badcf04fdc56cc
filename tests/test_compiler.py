"""`lgncc compile`: the folder it leaves, the report, and what is left where it does not succeed."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import builds
import cli
import numpy as np
import pytest
from random_networks import save_random

from lgncc.flow.build import build
from lgncc.flow.workspace import check_manifest
from lgncc.golden import predict
from lgncc.storage import load_model, save_model

# Format version 1, as the architecture document fixes it: keys may be added, never renamed.
SCHEMA = {
    "format": None,
    "model": {"path", "sha256", "frontend", "provenance"},
    "netlist": {"gates_in", "gates_out", "luts", "levels", "outputs"},
    "arch": {"name", "reason", "latency_cycles", "initiation_interval"},
    "board": {"name", "part"},
    "utilization": None,
    "breakdown": {"encoder", "network", "readout", "shell"},
    "timing": None,
    "throughput_samples_per_s": {"core", "link"},
    "latency_us": {"core", "link"},
    "accuracy": {"data", "samples", "golden"},
    "verification": None,
    "steps": None,
    "artifacts": None,
    "tools": None,
}
FINISHED = ("report.json", "MANIFEST.json", "bitstream.bin")


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.npz"
    save_model(builds.small_model("class"), path)
    return path


@pytest.mark.slow
def test_the_report_has_the_keys_of_format_1(digits_build):
    report = digits_build.report
    assert set(SCHEMA) <= set(report)
    assert report["format"] == 1
    for name, keys in SCHEMA.items():
        assert keys is None or keys <= set(report[name])
    for use in report["utilization"].values():
        assert set(use) == {"used", "available"}
    assert {"fmax_mhz", "target_mhz", "met"} == set(report["timing"]["clk12"])
    for rung in report["verification"]:
        assert set(rung) == {"rung", "result", "detail", "seconds"}
        assert rung["result"] in ("proved", "tested", "refuted", "skipped")
    for step in report["steps"]:
        assert set(step) == {"name", "seconds", "cached"}
    assert {"bitstream", "verilog"} <= set(report["artifacts"])


@pytest.mark.slow
def test_json_prints_exactly_the_report(digits_build):
    assert json.loads(digits_build.said.out) == digits_build.report
    assert "error" not in digits_build.said.err


@pytest.mark.slow
def test_the_digits_network_fits_meets_timing_and_is_accurate(digits_build):
    report = digits_build.report
    assert report["timing"]["clk12"]["met"] is True
    assert report["timing"]["clk12"]["fmax_mhz"] >= report["timing"]["clk12"]["target_mhz"] == 12
    cells = report["utilization"]["ICESTORM_LC"]
    assert cells["available"] == 5280
    assert sum(report["breakdown"].values()) == cells["used"] <= 5280
    assert min(report["breakdown"].values()) > 0
    assert report["model"]["sha256"] == sha256(cli.DIGITS)
    assert report["model"]["frontend"] == "native"
    assert report["netlist"]["outputs"] == 1000
    assert report["netlist"]["gates_out"] < report["netlist"]["gates_in"] <= 2000
    assert report["accuracy"]["samples"] == 360
    assert report["accuracy"]["golden"] > 0.92
    assert [(r["rung"], r["result"]) for r in report["verification"]] == [
        ("frontend", "tested"),
        ("passes", "proved"),
        ("encoder", "proved"),
        ("mapping", "proved"),
        ("synthesis", "proved"),
    ]


@pytest.mark.slow
def test_latency_and_throughput_follow_from_the_clock_and_the_frames(digits_build):
    report = digits_build.report
    levels = int(re.match(r"(\d+) LUT levels between registers", report["arch"]["reason"])[1])
    # a cycle a rank of registers, the last one behind the deepest LUT
    ranks = report["arch"]["latency_cycles"]
    assert report["arch"]["name"] == "pipelined"
    assert (ranks - 1) * levels < report["netlist"]["levels"] <= ranks * levels
    assert report["latency_us"]["core"] == pytest.approx(ranks / 12)
    assert report["throughput_samples_per_s"]["core"] == 12_000_000
    # 64 features of 5 bits are 40 bytes, and a frame wraps at least its CRC around them
    assert report["latency_us"]["link"] > (40 + 2 + 1) * 10
    assert report["throughput_samples_per_s"]["link"] < 1e6 / (42 * 10)


@pytest.mark.slow
def test_the_manifest_holds_the_digests_of_all_that_was_published(digits_build):
    folder = digits_build.folder
    files = check_manifest(folder)
    assert set(files) == {
        *("bitstream.bin", "board.v", "core.v", "design.json", "model.npz"),
        *("optimized_model.npz", "mapped.npz", "encoder_table.npz", "synthesized.json"),
        "report.json",
    }
    assert all(sha256(folder / name) == digest for name, digest in files.items())
    for path in digits_build.report["artifacts"].values():
        assert Path(path).exists()
    assert (folder / "bitstream.bin").stat().st_size == 104_090  # what every UP5K loads
    assert not list(folder.rglob("*.partial"))


@pytest.mark.slow
def test_the_model_that_is_kept_answers_as_the_checkpoint_does(digits_build):
    with np.load(cli.DIGITS_TEST) as data:
        x, y = data["x"], data["y"]
    kept = [load_model(digits_build.folder / name) for name in ("model.npz", "optimized_model.npz")]
    right = [np.mean(predict(model, x).classes == y) for model in kept]
    assert right == [digits_build.report["accuracy"]["golden"]] * 2


@pytest.mark.slow
def test_a_second_compile_runs_no_tool_and_leaves_the_same_bitstream(digits_build, tmp_path, lgncc):
    again = tmp_path / "again"
    shutil.copytree(digits_build.folder, again)
    done = lgncc("compile", cli.DIGITS, "--board=icebreaker", f"--out={again}")
    assert done.code == 0
    report = json.loads((again / "report.json").read_text())
    cached = {step["name"] for step in report["steps"] if step["cached"]}
    assert cached == {"synthesize", "place-and-route", "pack"}
    assert sha256(again / "bitstream.bin") == sha256(digits_build.folder / "bitstream.bin")
    assert report["accuracy"] is None  # no --data this time
    assert check_manifest(again)


@pytest.mark.slow
def test_the_report_of_a_build_is_shown_again(digits_build, lgncc):
    shown = lgncc("report", digits_build.folder)
    assert shown.code == 0
    report = digits_build.report
    cells = report["utilization"]["ICESTORM_LC"]
    for fact in (
        "icebreaker (ice40 up5k-sg48)",
        f"{cells['used']:,} of 5,280",
        f"Fmax {report['timing']['clk12']['fmax_mhz']:.1f} MHz, target 12.0 MHz: met",
        f"{report['accuracy']['golden']:.2%} of 360 samples",
        "proved",
    ):
        assert fact in shown.out
    for part in ("encoder", "network", "readout", "shell"):
        assert re.search(rf"^{part} +\S+ +{report['breakdown'][part]:,} *$", shown.out, re.M)
    assert json.loads(lgncc("report", digits_build.folder, "--json").out) == report


@pytest.mark.slow
def test_an_altered_build_is_not_verified(digits_build, tmp_path, lgncc):
    altered = tmp_path / "altered"
    shutil.copytree(digits_build.folder, altered, ignore=shutil.ignore_patterns("work"))
    (altered / "core.v").write_text("module lgncc_core; endmodule\n")
    done = lgncc("verify", altered, "--rung", "passes")
    assert done.code == 2
    assert "changed since the build: core.v" in done.error()
    assert lgncc("verify", digits_build.folder, "--rung", "passes").code == 0


def test_more_registers_than_logic_cells_are_refused_before_any_tool_runs(lgncc, tmp_path):
    model = save_random(tmp_path / "wide.npz", gates=6000, width=6000)
    out = tmp_path / "out"
    done = lgncc("compile", model, "--board=icebreaker", f"--out={out}", "-O", 0)
    assert done.code == 1
    message = done.error()
    assert message.startswith("the design does not fit iCEBreaker (ice40 up5k), ")
    assert re.search(r"logic cells, ICESTORM_LC: needs 6,000 of 5,280 \(114 %\)", message)
    assert "Use a smaller network" in message
    assert not any((out / name).exists() for name in FINISHED)
    assert list((out / "work").iterdir()) == [out / "work" / ".lock"]


@pytest.mark.slow
def test_the_tiny_tapeout_network_as_a_pipeline_does_not_fit_and_the_numbers_say_so(
    lgncc, tmp_path, tt10_blif
):
    out = tmp_path / "out"
    done = lgncc(
        "compile",
        tt10_blif,
        "--classes=10",
        "--board=icebreaker",
        f"--out={out}",
        "--arch=pipelined",
    )
    assert done.code == 1
    used = re.search(r"needs about ([\d,]+) of 5,280 logic cells", done.error())
    # others measured 8,040 cells for it with yosys's readout
    assert 5_280 < int(used[1].replace(",", "")) < 8_040
    assert not any((out / name).exists() for name in FINISHED)


def processes_in(folder):
    """Ids of the processes that work in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            where = entry.readlink()
        except OSError:  # it has ended meanwhile, or is another user's
            continue
        if where.is_relative_to(folder):
            found.append(int(entry.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_finished_and_resumes(small, tmp_path, number):
    out = tmp_path / "out"
    command = ["compile", str(small), "--board=icebreaker", f"--out={out}", "--verify=none"]
    process = subprocess.Popen([*cli.LGNCC, *command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not processes_in(out):  # yosys is at work
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (130, 143, -signal.SIGTERM)
    assert (process.returncode == 130) == (number == signal.SIGINT)
    assert "Traceback" not in err
    # A killed grandchild (yosys's ABC) is nobody's to wait for: the kernel ends it in its own
    # time, a fraction of a second. Left alone it would go on for many.
    deadline = time.monotonic() + 2
    while processes_in(out) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_in(out) == [], "tools outlive the command"
    assert not any((out / name).exists() for name in FINISHED)

    done = cli.lgncc_process(*command, "--json")
    assert done.code == 0
    assert all((out / name).exists() for name in FINISHED)
    assert json.loads(done.out)["verification"] == [
        {"rung": "passes", "result": "skipped", "detail": "--verify none", "seconds": 0.0}
    ]


@pytest.mark.slow
def test_missed_timing_is_reported_and_leaves_no_bitstream(small, tmp_path, lgncc, monkeypatch):
    out = tmp_path / "out"
    ambitious = functools.partial(build, target_mhz=400)
    monkeypatch.setattr("lgncc.compiler.build", ambitious)
    done = lgncc("compile", small, "--board=icebreaker", f"--out={out}", "--verify=none")
    assert done.code == 1
    assert re.search(r"error: clock clk12 reaches [\d.]+ MHz of the 400.0 MHz", done.err)
    assert "so no bitstream was written; try another --seed" in done.err
    assert "MISSED" in done.out
    report = json.loads((out / "report.json").read_text())
    assert report["timing"]["clk12"]["met"] is False
    assert "bitstream" not in report["artifacts"]
    assert not (out / "MANIFEST.json").exists()
    assert not (out / "bitstream.bin").exists()
