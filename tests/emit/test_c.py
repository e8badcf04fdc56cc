"""The exported C, compiled strictly by every compiler there is, against the golden model."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scale import random_model
from strategies import feature_integers, models

from lgncc.emit.c import feature_type, identifier, to_c
from lgncc.encoder import Encoder
from lgncc.frontends import load
from lgncc.golden import pack, predict, unpack

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
COMPILERS = {name: [name] for name in ("gcc", "clang") if shutil.which(name)}
if "clang" not in COMPILERS and importlib.util.find_spec("ziglang"):
    # The PyPI package ziglang has a clang inside. What it compiles, gcc links.
    COMPILERS["clang"] = [sys.executable, "-m", "ziglang", "cc"]
MODELS = Path(__file__).parents[2] / "lgncc/models"


class Compiled:
    """An exported model as a shared library; calls mirror its header comment."""

    def __init__(self, model, folder, compiler="gcc", lanes=8, flags=()):
        self.model, self.lanes = model, lanes
        source = folder / f"m{lanes}.c"
        source.write_text(to_c(model, "m"))
        command = [*COMPILERS[compiler], *STRICT, "-O1", *flags, f"-DM_LANES={lanes}", "-fPIC"]
        subprocess.run([*command, "-c", source, "-o", source.with_suffix(".o")], check=True)
        link = ["gcc", "-shared", source.with_suffix(".o"), "-o", source.with_suffix(".so")]
        # gcc's sanitizer has a runtime; clang's traps.
        subprocess.run(
            [*link, *(f for f in flags if "sanitize" in f and "trap" not in f)], check=True
        )
        self.library = ctypes.CDLL(source.with_suffix(".so"))
        text = source.read_text()
        self.feature = np.dtype(re.search(r"typedef (\w+)_t m_feature", text)[1])
        defined = dict(re.findall(r"#define M_(SLOTS|CLASSES|PLANES) (\d+)", text))
        slots, classes, planes = (int(defined[n]) for n in ("SLOTS", "CLASSES", "PLANES"))
        self.scratch = self.words(slots + classes * planes)
        self.state = self.words(model.netlist.n_state)
        if model.netlist.n_state:
            self.library.m_reset(self.pointer(self.state))

    def words(self, bits):
        return np.full((bits, self.lanes), 0xDEAD_BEEF_DEAD_BEEF, np.uint64)

    def pointer(self, array):
        return ctypes.c_void_p(array.ctypes.data)

    def tail(self):
        state = [self.pointer(self.state)] if self.model.netlist.n_state else []
        return [*state, self.pointer(self.scratch)]

    def eval(self, bits):
        """Network inputs bool (n, B) to outputs bool (n, m); n up to one batch."""
        given, found = self.words(bits.shape[1]), self.words(len(self.model.netlist.outputs))
        packed = pack(bits)
        given[:, : packed.shape[1]] = packed
        self.library.m_eval(self.pointer(given), self.pointer(found), *self.tail())
        return unpack(found, len(bits))

    def run(self, integers):
        """Features (n, F) to bits, or to scores and classes."""
        features = np.ascontiguousarray(integers.astype(self.feature))
        head = [self.pointer(features), ctypes.c_size_t(len(features))]
        if self.model.readout.kind == "bits":
            bits = np.full((len(features), len(self.model.netlist.outputs)), 7, np.uint8)
            self.library.m_run(*head, self.pointer(bits), *self.tail())
            return bits
        scores = np.full((len(features), self.model.readout.n_classes), 7, np.int64)
        classes = np.full(len(features), 7, np.intc)
        self.library.m_run(*head, self.pointer(scores), self.pointer(classes), *self.tail())
        return scores, classes

    def classify(self, row):
        features = np.ascontiguousarray(row.astype(self.feature))
        return self.library.m_classify(self.pointer(features), *self.tail())


def check(model, integers, compiled):
    """Features (n, F) through the C against the golden model."""
    x = np.ldexp(integers.astype(float), -model.encoder.fraction.astype(int))
    expected = predict(model, x)
    if model.readout.kind == "bits":
        assert compiled.run(integers).tolist() == expected.bits.astype(int).tolist()
    else:
        scores, classes = compiled.run(integers)
        assert scores.tolist() == expected.scores.tolist()
        assert classes.tolist() == expected.classes.tolist()
        for row, klass in zip(integers[:3], classes[:3], strict=True):
            assert compiled.classify(row) == klass
    one_batch = integers[: 64 * compiled.lanes]
    encoded = model.encoder.encode(one_batch)
    assert np.array_equal(compiled.eval(encoded), expected.bits[: len(one_batch)])


@pytest.mark.parametrize("lanes", [1, 8])
@settings(max_examples=12)
@given(data=st.data())
def test_small_models_answer_as_the_golden_model(tmp_path_factory, lanes, data):
    model = data.draw(models(k=data.draw(st.sampled_from((2, 4)))))
    integers = data.draw(feature_integers(model.encoder, data.draw(st.sampled_from((1, 5)))))
    check(model, integers, Compiled(model, tmp_path_factory.mktemp("c"), lanes=lanes))


@pytest.mark.parametrize("lanes", [1, 4])
@settings(max_examples=8)
@given(data=st.data())
def test_state_moves_from_step_to_step(tmp_path_factory, lanes, data):
    model = data.draw(models(max_state=3).filter(lambda model: model.netlist.n_state))
    n, steps = 3, 4
    low, high = model.encoder.integer_range
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    integers = rng.integers(low, high, (n, steps, model.encoder.n_features), endpoint=True)
    expected = predict(model, np.ldexp(integers.astype(float), -model.encoder.fraction.astype(int)))
    compiled = Compiled(model, tmp_path_factory.mktemp("c"), lanes=lanes)
    for step in range(steps):
        found = compiled.run(integers[:, step])
        if model.readout.kind == "bits":
            assert found.tolist() == expected.bits[:, step].astype(int).tolist()
        else:
            assert found[0].tolist() == expected.scores[:, step].tolist()
            assert found[1].tolist() == expected.classes[:, step].tolist()


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "flags", [["-O2"], ["-O2", "-march=native"], ["-O0", "-fsanitize=undefined"]]
)
def test_the_digits_test_set_and_random_samples(tmp_path, compiler, flags):
    model = load(MODELS / "digits.pt")
    data = np.load(MODELS / "digits-test.npz")
    if compiler == "clang" and "-fsanitize=undefined" in flags:
        flags = [*flags, "-fsanitize-trap=undefined"]
    compiled = Compiled(model, tmp_path, compiler, 8, flags)
    check(model, model.encoder.quantize(data["x"]), compiled)
    low, high = model.encoder.integer_range
    rng = np.random.default_rng(0)
    check(model, rng.integers(low, high, (1100, len(low)), endpoint=True), compiled)
    accuracy = np.mean(compiled.run(model.encoder.quantize(data["x"]))[1] == data["y"])
    assert accuracy > 0.95


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the registers are named as on x86-64")
@pytest.mark.skipif(not shutil.which("objdump"), reason="needs objdump")
def test_gates_are_evaluated_in_vector_registers(tmp_path, compiler):
    source = tmp_path / "m.c"
    source.write_text(to_c(load(MODELS / "digits.pt"), "m"))
    command = [*COMPILERS[compiler], *STRICT, "-O2", "-mavx2", "-c", source, "-o", tmp_path / "m.o"]
    subprocess.run(command, check=True)
    listing = subprocess.run(
        ["objdump", "-d", tmp_path / "m.o"], check=True, capture_output=True, text=True
    ).stdout
    logic = re.findall(
        r"\sv(?:pand|pandn|por|pxor|andp[sd]|andnp[sd]|orp[sd]|xorp[sd])\s+(.*)", listing
    )
    # Fourteen functions of two inputs, 512 samples in two registers of 256 bits.
    assert sum("%ymm" in operands for operands in logic) >= 2 * 14


def test_the_command_exports_what_compiles(lgncc, tmp_path):
    out = tmp_path / "my-net.c"
    done = lgncc("export", MODELS / "digits.pt", "--format", "c", "--out", out, "-O", "1")
    assert done.code == 0, done.err
    subprocess.run(["gcc", *STRICT, "-c", out, "-o", tmp_path / "x.o"], check=True)
    assert "int my_net_classify(const my_net_feature *features, uint64_t *scratch)" in (
        out.read_text()
    )


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_hundred_thousand_gates_compile_in_seconds(tmp_path, compiler):
    source = tmp_path / "big.c"
    source.write_text(to_c(random_model(100_000), "big"))
    started = time.perf_counter()
    command = [*COMPILERS[compiler], *STRICT, "-O2", "-c", source, "-o", tmp_path / "x.o"]
    subprocess.run(command, check=True)
    assert time.perf_counter() - started < 20  # 0.6 on an idle machine


@pytest.mark.parametrize(
    ("name", "expected"),
    [("net", "net"), ("my-net.v2", "my_net_v2"), ("3x2550", "lgn_3x2550"), ("", "lgn_")],
)
def test_identifiers_are_made_of_file_names(name, expected):
    assert identifier(name) == expected


@pytest.mark.parametrize(
    ("bits", "signed", "expected"),
    [
        (1, False, "uint8_t"),
        (8, False, "uint8_t"),
        (8, True, "int8_t"),
        (9, False, "uint16_t"),
        (9, True, "int16_t"),
        (32, False, "uint32_t"),
        (32, True, "int32_t"),
    ],
)
def test_features_have_the_smallest_type_that_holds_them(bits, signed, expected):
    encoder = Encoder.uniform(1, bits=bits, signed=signed, feature=[0], threshold=[0])
    assert feature_type(encoder) == expected


def test_features_of_both_signs_share_a_type():
    assert feature_type(Encoder([8, 8], [True, False], [0, 0], [0, 1], [0, 0])) == "int16_t"
    assert feature_type(Encoder([32, 2], [False, True], [0, 0], [0, 1], [0, 0])) == "int64_t"


def test_a_path_cannot_end_the_comment():
    text = to_c(random_model(160), "m")
    assert text.index("*/") > text.index("m_classify")
