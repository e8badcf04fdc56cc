"""`lgncc export`: every format, whole or not at all."""

from __future__ import annotations

import re

import builds
import naive
import numpy as np
import pytest
import random_networks
import yosys
from recurrent_models import model_with_state

from lgncc.emit.export import export_model
from lgncc.errors import DesignError, InputError
from lgncc.facts import GivenFacts
from lgncc.frontends import load
from lgncc.golden import predict
from lgncc.hw.sequence import Sequencing
from lgncc.storage import load_model, save_model
from lgncc.verify.equivalence import check_equal
from lgncc.verify.frontend import random_samples

FORMATS = ("verilog", "rtlil", "blif", "aiger", "npz")


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "small.npz"
    save_model(builds.small_model("class"), path)
    return path


def export(path, out, format_, **options):
    return export_model(path, out, format_, level=options.pop("level", 1), **options)


def test_verilog_and_rtlil_are_the_core(npz, tmp_path):
    for format_, read in (("verilog", "read_verilog"), ("rtlil", "read_rtlil")):
        optimized = export(npz, tmp_path / "core", format_)
        assert optimized.rung.result == "proved"
        check = ["hierarchy -check -top lgncc_core", "proc", "check -assert"]
        yosys.run(tmp_path, [f"{read} core", *check])


@pytest.mark.parametrize(
    ("format_", "read"), [("verilog", "read_verilog"), ("rtlil", "read_rtlil")]
)
def test_at_level_2_the_core_is_of_luts_and_both_texts_are_proved_equal(
    npz, tmp_path, format_, read
):
    exported = export(npz, tmp_path / "core", format_, level=2, levels=3)
    assert [exported.rung.result, exported.mapping.result] == ["proved", "proved"]
    luts = exported.mapped.luts
    assert re.match(rf"{luts.n_gates} LUT4, {luts.depth} levels; passes proved", exported.line())
    script = [f"{read} core", "hierarchy -check -top lgncc_core", "proc", "check -assert"]
    yosys.run(tmp_path, script)


def test_blif_at_level_2_is_the_whole_model_in_luts(npz, tmp_path):
    model = load(npz)
    for k in (4, 6):
        export(npz, tmp_path / "luts.blif", "blif", level=2, lut=k)
        luts = load(tmp_path / "luts.blif").netlist
        x = random_samples(model.encoder, 300)
        widths = model.encoder.bits.tolist()
        integers = model.encoder.quantize(x)
        packed = [
            [int(v) >> b & 1 for v, w in zip(row, widths, strict=True) for b in range(w)]
            for row in integers
        ]
        found = [
            naive.evaluate(luts.n_inputs, luts.fanin, luts.table, luts.outputs, p) for p in packed
        ]
        classes = [sum(bit << i for i, bit in enumerate(bits)) for bits in found]
        assert classes == predict(model, x).classes.tolist()


def test_aiger_is_the_network_before_the_encoder_is_pruned(npz, tmp_path):
    export(npz, tmp_path / "network.aig", "aiger")
    found = load(tmp_path / "network.aig").netlist
    assert check_equal(found, load(npz).netlist).equal


def test_npz_is_the_optimized_model(npz, tmp_path):
    optimized = export(npz, tmp_path / "out.npz", "npz")
    kept = load_model(tmp_path / "out.npz")
    assert kept.netlist.dump() == optimized.model.netlist.dump()
    before, after = load(npz), kept
    x = np.ldexp(np.random.default_rng(0).integers(0, 4, (500, 4)) * 1.0, [0, 0, -2, 0])
    assert predict(after, x).scores.tolist() == predict(before, x).scores.tolist()


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_model_gives_the_same_bytes(npz, tmp_path, format_):
    for name in ("a", "b"):
        export(npz, tmp_path / name, format_)
    if format_ == "npz":  # zip archives hold times
        assert (
            load_model(tmp_path / "a").netlist.dump() == load_model(tmp_path / "b").netlist.dump()
        )
    else:
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def fails_to_write(npz, monkeypatch, format_):
    """Whatever happens while the file is being written."""

    def stop(*_):
        raise DesignError("stopped")

    names = {
        "verilog": "lgncc.emit.core.core_verilog",
        "rtlil": "lgncc.emit.core.core_rtlil",
        "blif": "lgncc.emit.export.to_blif",
        "aiger": "lgncc.emit.export.to_aiger",
        "npz": "lgncc.emit.export.save_model",
    }
    monkeypatch.setattr(names[format_], stop)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_failure_leaves_no_file_and_an_old_one_as_it_was(npz, tmp_path, monkeypatch, format_):
    folder = tmp_path / "out"
    folder.mkdir()
    fails_to_write(npz, monkeypatch, format_)
    with pytest.raises(DesignError, match="stopped"):
        export(npz, folder / "new", format_)
    assert list(folder.iterdir()) == []
    (folder / "old").write_text("precious")
    with pytest.raises(DesignError, match="stopped"):
        export(npz, folder / "old", format_)
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert (folder / "old").read_text() == "precious"


def test_an_old_file_is_replaced_on_success(npz, tmp_path):
    (tmp_path / "old").write_text("stale")
    export(npz, tmp_path / "old", "verilog")
    assert (tmp_path / "old").read_text().startswith("// lgncc_core")


def test_a_large_network_has_no_rtlil_and_says_what_to_export(tmp_path):
    random_networks.save_random(tmp_path / "large.npz", gates=20_000)
    with pytest.raises(DesignError, match="--format verilog"):
        export(tmp_path / "large.npz", tmp_path / "core.il", "rtlil", level=0)
    assert not (tmp_path / "core.il").exists()


def test_unknown_levels_and_passes_are_refused_before_reading(tmp_path):
    for options, message in (
        ({"level": 7}, r"-O 7: this version has levels 0, 1, 2"),
        ({"passes": "fold,shrink"}, r"there is no pass 'shrink'; known are fold, strash, dead"),
        ({"dump_after": "shrink"}, r"--dump-after shrink: unknown; known are fold, strash, dead"),
    ):
        with pytest.raises(InputError, match=message):
            export(tmp_path / "missing", tmp_path / "out", "npz", **options)


def test_dump_after_prints_the_netlist_of_each_run_of_a_pass(npz, tmp_path, capsys):
    export(npz, tmp_path / "out", "npz", dump_after="dead")
    printed = capsys.readouterr().out
    assert re.match(r"after dead: netlist: 16 inputs, 0 state, \d+ gates", printed)


def test_the_network_that_nobody_here_wrote_exports_proved_and_is_read_by_yosys(
    tt10_blif, tmp_path
):
    out = tmp_path / "core.v"
    optimized = export(tt10_blif, out, "verilog", given=GivenFacts(classes=10))
    assert optimized.rung.result == "proved"
    assert "// o__payload[3:0]  answer:" in out.read_text()
    yosys.run(tmp_path, ["read_verilog core.v", "hierarchy -check -top lgncc_core", "proc",
                         "check -assert"])  # fmt: skip


def test_a_core_with_state_takes_sequences_by_turns_and_says_so(tmp_path):
    path, out = tmp_path / "recurrent.npz", tmp_path / "core.v"
    save_model(model_with_state("class"), path)
    export_model(path, out, "verilog", level=2, levels=3, sequencing=Sequencing("last-step", 5))
    text = out.read_text()
    width = model_with_state().encoder.input_width
    assert f"//   bit {width}: first, 1 where the vector begins a sequence\n" in text
    assert f"//   bit {width + 1}: last, 1 where it ends one" in text
    assert "// initiation interval: 1 cycle; " in text
    assert "// 5 sequences by turns: vector k, counted from reset, is a step of the one\n" in text


@pytest.mark.parametrize(("format", "level"), [("blif", 2), ("verilog", 1), ("c", 2)])
def test_what_is_no_core_of_luts_takes_no_turns(tmp_path, format, level):
    path = tmp_path / "recurrent.npz"
    save_model(model_with_state(), path)
    with pytest.raises(InputError, match="they are of a core with state"):
        export_model(
            path, tmp_path / "out", format, level=level, sequencing=Sequencing("last-step")
        )
