# amaranth: UnusedElaboratable=no
"""The RTL rungs pass right designs and refute wrong ones, in a real simulator."""

from __future__ import annotations

import json
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Const
from builds import CLASSES, small_model, with_gate, write_build

from lgncc.dataset import Dataset, load_data
from lgncc.errors import DesignError, InputError
from lgncc.frontends import load
from lgncc.golden import predict
from lgncc.hw import checksum, link, shell
from lgncc.hw.argmax import Argmax
from lgncc.models import __path__ as models_path
from lgncc.passes.inputs import PruneInputs
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.frontend import random_samples
from lgncc.verify.rtl import _affordable, _prepare, check_board, check_core, check_rtl

pytestmark = pytest.mark.slow


def silent(_):
    pass


@pytest.fixture(scope="module")
def build(tmp_path_factory, verilator_runtime):
    """A right build, simulated once: what is compiled for it is reused by its mutants."""
    folder = tmp_path_factory.mktemp("small") / "build"
    write_build(folder, small_model(), runtime=verilator_runtime)
    check_core(folder, None, silent)
    return folder


@pytest.fixture
def mutant(build, tmp_path):
    """A copy of the right build, to be damaged."""
    return shutil.copytree(build, tmp_path / "mutant")


def remade(mutant, model):
    """The Verilog of another model in the folder of the right one."""
    return write_build(mutant, small_model(), built=model)


def mutate(path, pattern, replacement):
    """Change the Verilog text at exactly one place."""
    text, count = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL)
    assert count == 1, f"{pattern!r} matches {count} times"
    path.write_text(text)


def refutation(check, folder):
    with pytest.raises(DesignError) as caught:
        check(folder, None, silent)
    message = str(caught.value)
    assert re.search(r"\n  log: /.*\.log$", message)
    return message.partition("\n")[0]


@pytest.mark.parametrize("kind", ["class", "scores", "bits"])
def test_a_right_design_passes_with_samples_and_without(build, tmp_path, kind):
    model = small_model(kind)
    shutil.copytree(build / "work", tmp_path / "work")
    folder = write_build(tmp_path, model)
    x = random_samples(model.encoder, 20, seed=9)
    core, board = check_rtl(folder, Dataset(tmp_path / "mine.npz", x, None), silent)
    assert (core.rung, core.result) == ("rtl", "tested")
    assert (board.rung, board.result) == ("board rtl", "tested")
    latency = {"class": "4 cycles", "scores": "2 cycles", "bits": "1 cycle"}[kind]
    assert core.detail == (
        f"20 samples of mine.npz + 256 random, stalls, resets; latency {latency}, interval 1"
    )
    assert board.detail == (
        "20 samples of mine.npz + 256 random as UART frames, damaged frames, resets; "
        "12 cycles a bit"
    )


def test_the_second_run_compiles_nothing(build):
    (simulator,) = (build / "work" / "sim").glob("lgncc_core-*")
    before = {path: path.stat().st_mtime_ns for path in simulator.iterdir()}
    rung = check_core(build, None, silent)
    assert {path: path.stat().st_mtime_ns for path in simulator.iterdir()} == before
    assert rung.detail.startswith("256 random vectors, stalls")


def test_a_flipped_gate_is_refuted_with_sample_expected_and_got(mutant):
    model = small_model()
    wrong = with_gate(model, 40, table=model.netlist.table[40] ^ np.uint64(0xF))
    message = refutation(check_core, remade(mutant, wrong))
    found = re.fullmatch(
        r"rtl: refuted: back to back: random vector (\d+): expected class (\d), got (\d)", message
    )
    x = random_samples(model.encoder, 256)
    ours, theirs = predict(model, x).classes, predict(wrong, x).classes
    first = int(np.argmax(ours != theirs))
    assert [int(group) for group in found.groups()] == [first, ours[first], theirs[first]]


def test_swapped_wires_are_refuted(mutant):
    model = small_model()
    asymmetric = np.isin(model.netlist.table, (0x2, 0x4, 0xB, 0xD))
    gate = int(np.flatnonzero(asymmetric)[-1])
    wrong = with_gate(model, gate, fanin=model.netlist.fanin[gate, ::-1])
    assert "expected class" in refutation(check_core, remade(mutant, wrong))


def test_an_argmax_that_prefers_the_last_class_is_refuted_at_a_tie(mutant, monkeypatch):
    monkeypatch.setattr(Argmax, "_upper_wins", lambda _, lower, upper: upper >= lower)
    message = refutation(check_core, remade(mutant, small_model()))
    found = re.search(r"random vector (\d+): expected class (\d), got (\d)", message)
    sample, expected, got = (int(group) for group in found.groups())
    model = small_model()
    scores = predict(model, random_samples(model.encoder, 256)).scores[sample]
    assert got > expected
    assert scores[got] == scores[expected] == scores.max()
    assert len(scores) == CLASSES


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (3, "no answer after the latency of 3 cycles that the design states"),
        (5, "answered 4 cycles after it was accepted, the design states a latency of 5"),
    ],
)
def test_a_latency_off_by_one_is_refuted(mutant, stated, message):
    path = mutant / "design.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "latency_cycles": stated}))
    assert refutation(check_core, mutant) == (
        f"rtl: refuted: back to back: random vector 0: {message}"
    )


def test_an_interval_that_is_not_the_cores_is_refuted(mutant):
    path = mutant / "design.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "initiation_interval": 2}))
    message = refutation(check_core, mutant)
    assert "i__ready is 1 without a stall at o, 2 being the initiation interval" in message


def test_a_core_that_takes_vectors_during_a_stall_is_refuted(mutant):
    mutate(mutant / "core.v", r"(module lgncc_core.*?assign i__ready = )[^;]*;", r"\g<1>1'h1;")
    message = refutation(check_core, mutant)
    assert message == (
        "rtl: refuted: stalls: i__ready is 1 while an answer is held up at o, "
        "1 being the initiation interval"
    )


def test_a_core_that_overwrites_a_stage_during_a_stall_is_refuted(mutant):
    mutate(
        mutant / "core.v",
        r"(module \\lgncc_core\.readout \(.*?)if \(enable\)(.*?endmodule)",
        r"\g<1>if (1'h1)\g<2>",
    )
    message = refutation(check_core, mutant)
    assert re.search(r"refuted: stalls: random vector \d+: expected class \d, got \d", message)


def test_a_core_that_keeps_vectors_over_a_reset_is_refuted(mutant):
    text = (mutant / "core.v").read_text()
    head, _, rest = text.partition("module lgncc_core(")
    top, end, others = rest.partition("endmodule")
    without = re.sub(r"if \(rst\) begin.*?end", "", top, flags=re.DOTALL)
    assert without != top
    (mutant / "core.v").write_text(head + "module lgncc_core(" + without + end + others)
    message = refutation(check_core, mutant)
    assert message == "rtl: refuted: resets: o__valid is 1, but no vector is inside"


def test_a_payload_of_another_width_is_refuted(mutant):
    bits = small_model("bits")
    message = refutation(check_core, remade(mutant, bits))
    assert message == "rtl: refuted: o__payload has 16 bits, the model needs 2"


WRONG_CRCS = {
    "initial value": {"register": zlib.crc32},
    "polynomial": {"POLYNOMIAL": 0x82F63B78},
}


@pytest.mark.parametrize("what", WRONG_CRCS)
def test_a_board_with_another_crc_is_refuted(mutant, monkeypatch, what):
    for name, value in WRONG_CRCS[what].items():
        monkeypatch.setattr(link if name == "register" else checksum, name, value)
    message = refutation(check_board, remade(mutant, small_model()))
    assert re.match(r"board rtl: refuted: identity: IDENT request: expected IDENT_REPLY", message)
    assert "got " in message


def test_a_board_that_does_not_check_the_crc_is_refuted(mutant, monkeypatch):
    monkeypatch.setattr(link.RequestReceiver, "_crc_differs", lambda *_: Const(0))
    message = refutation(check_board, remade(mutant, small_model()))
    assert "damaged frames: wrong CRC: expected ERROR 1 (bad CRC), seq 90, got RESULT" in message


def test_a_board_that_answers_requests_for_another_design_is_refuted(mutant, monkeypatch):
    class Forgetful(link.RequestReceiver):
        def __init__(self, in_bytes, build_id):
            super().__init__(in_bytes, b"")

    monkeypatch.setattr(shell, "RequestReceiver", Forgetful)
    message = refutation(check_board, remade(mutant, small_model()))
    assert "all vectors: random vector 0: expected RESULT" in message
    assert "got ERROR 1 (bad CRC)" in message


def test_a_board_with_a_flipped_gate_is_refuted(mutant):
    model = small_model()
    wrong = with_gate(model, 40, table=model.netlist.table[40] ^ np.uint64(0xF))
    message = refutation(check_board, remade(mutant, wrong))
    assert re.search(r"refuted: all vectors: random vector \d+: expected class \d, got", message)


def test_a_board_with_another_build_id_is_refuted(build, mutant):
    check_board(mutant, None, silent)
    path = mutant / "design.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "build_id": "00" * 8}))
    assert "identity: IDENT request: expected IDENT_REPLY 02 00" in refutation(check_board, mutant)


def test_verilog_that_the_simulator_refuses_names_the_log(mutant):
    (mutant / "core.v").write_text("module lgncc_core(input clk; endmodule\n")
    with pytest.raises(DesignError, match=r"log: .*core-build\.log"):
        check_core(mutant, None, silent)
    log = (mutant / "work" / "sim" / "core-build.log").read_text()
    assert "syntax error" in log


def test_damaged_facts_name_the_file(mutant):
    (mutant / "design.json").write_text("{}")
    with pytest.raises(InputError, match=r"design\.json: cannot be read .*KeyError"):
        check_core(mutant, None, silent)


def test_more_samples_than_the_line_can_carry_are_cut_and_said_so(build):
    model = small_model()
    data = Dataset(build / "many.npz", random_samples(model.encoder, 30_000), None)
    design, vectors = _prepare(build, data)
    kept = _affordable(vectors, design)
    assert 1000 < kept.n_samples < 30_000
    assert len(kept.inputs) == kept.n_samples + 256
    np.testing.assert_array_equal(kept.inputs[-256:], vectors.inputs[-256:])


def test_core_and_board_of_the_digits_network_agree_on_all_test_samples(build, tmp_path):
    models = Path(models_path[0])
    model = load(models / "digits.pt")
    optimized = optimize(model, choose_pipeline(1), prove=False).model
    shutil.copytree(build / "work", tmp_path / "work")
    folder = write_build(tmp_path, model, built=PruneInputs().apply(optimized))
    data = load_data(models / "digits-test.npz")
    core, board = check_rtl(folder, data, silent)
    assert core.detail.startswith("360 samples of digits-test.npz + 256 random, stalls")
    assert board.detail.startswith("360 samples of digits-test.npz + 256 random as UART frames")
