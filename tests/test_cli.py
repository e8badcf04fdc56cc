"""The command line: the help, the options, and what each command says."""

from __future__ import annotations

import json
import re
import subprocess

import cli
import numpy as np
import pytest

COMMANDS = ["compile", "inspect", "eval", "export", "verify", "report", "boards", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_a_line_an_option(lgncc, command):
    done = lgncc(command, "--help")
    assert done.code == 0
    assert done.err == ""
    assert f"Usage: lgncc {command}" in done.out
    assert re.search(r"--json +\S", done.out) or command == "export"


def test_help_lists_every_command(lgncc):
    done = lgncc("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*", done.out, re.MULTILINE)


def test_every_command_that_takes_a_model_takes_the_same_facts(lgncc):
    shown = {c: lgncc(c, "--help").out for c in ("compile", "inspect", "eval", "export")}
    facts = (
        "--frontend --input-bits --classes --tau --threshold --input-shape --wiring "
        "--replay-seed --check --trust-pickle"
    )
    for fact in facts.split():
        assert all(f"{fact} " in text for text in shown.values()), fact


@pytest.mark.parametrize("arguments", [["--help"], ["compile", "--help"], ["boards"]])
def test_what_needs_no_model_imports_no_heavy_package(arguments):
    script = (
        "import sys; from lgncc.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'numpy', 'amaranth', 'pyosys'} & {*sys.modules}), "
        "file=sys.stderr)"
    )
    done = subprocess.run(
        [*cli.LGNCC[:3], script, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_a_netlist_is_read_and_optimized_without_torch(tmp_path):
    script = (
        "import sys; from lgncc.cli import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    path = tmp_path / "net.blif"
    path.write_text(".inputs a b\n.outputs y\n.names a b y\n11 1\n.end\n")
    done = subprocess.run(
        [*cli.LGNCC[:3], script, "export", path, "--format", "npz", "--out", tmp_path / "net.npz"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage"),
        (["inspect"], "Missing argument"),
        (["inspekt"], "No such command"),
        (["inspect", "a", "--loud"], "No such option"),
        (["inspect", "a", "--input-shape", "0,x"], "give whole numbers above 0, like 1,28,28"),
        (["inspect", "a", "--classes", "ten"], "Invalid value for '--classes'"),
        (["export", "a", "--out", "b", "--format", "vhdl"], "'vhdl' is not one of"),
        (["compile", "a"], "Missing option '--board'"),
        (["compile", "a", "--board", "b", "--seed", "-1"], "Invalid value for '--seed'"),
        (["compile", "a", "--board", "b", "--verify", "hard"], "'hard' is not one of"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what(lgncc, arguments, message):
    done = lgncc(*arguments)
    assert done.code == 2
    assert message in done.out + done.err
    assert "Traceback" not in done.err


def test_an_unknown_board_suggests_the_closest(lgncc, tmp_path):
    done = lgncc("compile", cli.DIGITS, "--board", "icebraker", "--out", tmp_path / "out")
    assert done.code == 2
    assert "there is no board 'icebraker'. Did you mean 'icebreaker'?" in done.error()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", cli.DIGITS, "--board", "icebreaker", "--answer", "last-step"],
        ["export", cli.DIGITS, "--format", "verilog", "--sequences", "4"],
    ],
    ids=["compile", "export"],
)
def test_nothing_can_be_asked_of_the_sequences_of_a_network_without_state(
    lgncc, tmp_path, arguments
):
    done = lgncc(*arguments, "--out", tmp_path / "out")
    assert done.code == 2
    assert "the network has no state" in done.error()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "folder", [[], ["report.json"], ["report.json", "MANIFEST.json"]], ids=["empty", "1", "2"]
)
@pytest.mark.parametrize("command", ["report", "verify", "simboard", "program"])
def test_what_is_no_finished_build_is_refused(lgncc, tmp_path, command, folder):
    missing = lgncc(command, tmp_path / "none")
    assert missing.code == 2
    assert missing.error() == (
        f"{tmp_path / 'none'}: no such folder; give the --out of a finished `lgncc compile`"
    )
    for name in folder:
        (tmp_path / name).write_text("[]")
    done = lgncc(command, tmp_path)
    assert done.code == 2
    assert done.error().startswith(str(tmp_path))


def test_inspect_says_what_was_read_and_how_each_fact_is_known(lgncc):
    lines = lgncc("inspect", cli.DIGITS).out.splitlines()
    assert lines[0] == f"{cli.DIGITS}: native"
    assert "  encoder   thermometer, 64 features (u5) to 256 bits" in lines
    assert any(line.startswith("  readout   class of 10 classes, 1,000 terms") for line in lines)
    assert "    network: 256-1000-1000 (from checkpoint)" in lines
    assert "    input format: u5 (from checkpoint)" in lines
    said = json.loads(lgncc("inspect", cli.DIGITS, "--json").out)
    assert (said["frontend"], said["inputs"], said["outputs"]) == ("native", 256, 1000)
    assert sum(said["gate_counts"].values()) == said["gates"]


def test_given_facts_are_labelled_given(lgncc, tmp_path):
    blif = tmp_path / "net.blif"
    blif.write_text(".inputs a b\n.outputs c d\n.names a b c\n11 1\n.names a d\n0 1\n")
    lines = lgncc("inspect", blif, "--classes", 2, "--tau", 2).out.splitlines()
    assert "    readout: GroupSum, 2 contiguous groups (given)" in lines
    assert "    tau: 2 (given)" in lines


def test_eval_answers_and_reports_accuracy(lgncc, tmp_path):
    done = lgncc("eval", cli.DIGITS, "--data", cli.DIGITS_TEST, "--out", tmp_path / "p.npz")
    first, second = done.out.splitlines()
    labels = np.load(cli.DIGITS_TEST)["y"]
    with np.load(tmp_path / "p.npz") as saved:
        classes, scores = saved["classes"], saved["scores"]
    assert first.startswith("360 samples; classes " + " ".join(map(str, classes[:20])))
    assert second == f"accuracy {np.mean(classes == labels):.2%}"
    assert [list(row).index(max(row)) for row in scores] == classes.tolist()
    said = json.loads(lgncc("eval", cli.DIGITS, "--data", cli.DIGITS_TEST, "--json").out)
    assert said["classes"] == classes.tolist()
    assert said["accuracy"] == np.mean(classes == labels)
    assert said["samples"] == 360


def test_eval_of_bits_shows_bits_and_no_accuracy(lgncc, tmp_path):
    blif = tmp_path / "net.blif"
    blif.write_text(".inputs a b\n.outputs c d\n.names a b c\n11 1\n.names a d\n0 1\n")
    np.savez(tmp_path / "x.npz", x=[[1, 1], [0, 1]], y=[0, 1])
    done = lgncc("eval", blif, "--data", tmp_path / "x.npz")
    assert done.out.splitlines() == ["2 samples; first bits, output 0 first:", "10", "01"]


def test_export_says_what_was_written_and_proved(lgncc, tmp_path):
    out = tmp_path / "[bold]core.v"
    done = lgncc("export", cli.DIGITS, "--format", "verilog", "--out", out)
    assert done.code == 0
    what = r"[\d,]+ LUT4, \d+ levels; passes proved: .*; mapping proved: .*"
    assert re.fullmatch(rf"{re.escape(str(out))}: {what}\n", done.out)
    steps = [line.split()[1:3] for line in done.err.splitlines()]
    assert [step[0] for step in steps] == ["read", "optimize", "map", "prove", "write"]
    assert out.read_text().startswith("// lgncc_core")
    unproved = lgncc("export", cli.DIGITS, "--format=npz", f"--out={out}", "--verify=none")
    assert unproved.out.endswith("skipped: --verify none\n")


def test_export_into_a_folder_that_is_not_there_is_refused(lgncc, tmp_path):
    done = lgncc("export", cli.DIGITS, "--format", "npz", "--out", tmp_path / "no" / "x.npz")
    assert done.code == 2
    assert "read" not in done.err, "nothing was done in vain"
    assert (
        done.error()
        == f"{tmp_path / 'no' / 'x.npz'}: cannot write there: No such file or directory"
    )


def test_boards_are_listed_with_their_capacity(lgncc):
    assert re.search(r"^icebreaker +iCEBreaker, ice40 up5k, 5,280 logic cells", lgncc("boards").out)
    assert json.loads(lgncc("boards", "--json").out)[0]["name"] == "icebreaker"


def test_doctor_names_each_tool_and_its_source(lgncc):
    done = lgncc("doctor")
    assert done.code == 0
    for tool in ("yosys", "abc", "nextpnr-ice40", "icepack", "torch"):
        assert re.search(rf"^ok +{tool} +\S+ +PyPI \S+", done.out, re.MULTILINE)
    rows = json.loads(lgncc("doctor", "--json").out)
    assert {"tool", "found", "version", "source", "needed_for", "fix", "optional"} == {*rows[0]}


def test_a_missing_tool_is_exit_3_with_its_fix(lgncc, monkeypatch, tmp_path):
    monkeypatch.setenv("ABC", "/no/such/abc")
    done = lgncc("doctor")
    assert done.code == 3
    assert re.search(r"^MISSING +abc +\$ABC names no program$", done.out, re.MULTILINE)
    assert "Unset ABC, or let it name an executable abc." in done.out
    export = lgncc("export", cli.DIGITS, "--format", "npz", "--out", tmp_path / "x")
    assert export.code == 3
    assert export.error().startswith("ABC=/no/such/abc: there is no such program.")
    assert not (tmp_path / "x").exists()


def test_a_refusal_of_the_system_is_one_line_and_exit_3(lgncc):
    done = lgncc("compile", cli.DIGITS, "--board", "icebreaker", "--out", "/dev/null/x")
    assert done.code == 3
    assert done.error() == "/dev/null/x/work: Not a directory"
