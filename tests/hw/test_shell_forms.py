# amaranth: UnusedElaboratable=no
"""A shell that keeps the bits made of the features, in flip-flops or in memory: what the core is
shown, whatever happens to frames in between."""

from __future__ import annotations

import zlib

import builds
import naive
import numpy as np
import pytest
import strategies
from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out
from cores import answer, random_samples, vectors_of
from shell_line import DIVISOR, converse

from lgncc.arrival import ArrivalTable, split_encoder
from lgncc.encoder import Encoder
from lgncc.forms import Form
from lgncc.host.frames import ErrorCode, Frame, FrameType, encode
from lgncc.hw.folded import FoldedCore
from lgncc.hw.shell import Shell
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

BUILD_ID = b"build id"
KEY = zlib.crc32(BUILD_ID)


def encoder_of(width, signed, *, features=5, per_feature=3, seed=1):
    """A few thresholds of some features, feature 1 unread."""
    rng = np.random.default_rng(seed)
    low, high = strategies.integer_range(width, signed)
    count = min(per_feature, high - low)
    read = [feature for feature in range(features) if feature != 1]
    threshold = [np.sort(low + rng.choice(high - low, count, replace=False)) for _ in read]
    shape = np.full(features, width), np.full(features, signed), np.zeros(features)
    return Encoder(*shape, np.repeat(read, count), np.concatenate(threshold))


def through(encoder, kind="bits"):
    """A model that hands its bits through."""
    n = encoder.n_bits
    netlist = Netlist(n, np.zeros((0, 2), np.int32), [], 2 + np.arange(n))
    readout = Readout.bits() if kind == "bits" else Readout.group_sum(n, 2, kind=kind)
    return LogicModel(encoder, netlist, readout, Provenance("test"))


def infer(model, sample, seq, flip=None):
    (vector,) = vectors_of(model, [sample])
    payload = vector.to_bytes(-(-model.encoder.input_width // 8), "little")
    wire = bytearray(encode(Frame(FrameType.INFER, seq, payload), KEY))
    if flip is not None:
        wire[flip] ^= 0x10
    return bytes(wire)


class Copy(Component):
    """Answers with its vector, after a while."""

    def __init__(self, width, wait):
        self.wait = wait
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform):
        m = Module()
        waited = Signal(range(self.wait + 1))
        with m.If(self.i.valid & (waited != self.wait)):
            m.d.sync += waited.eq(waited + 1)
        free = ~self.o.valid & (waited == self.wait)
        m.d.comb += self.i.ready.eq(free)
        with m.If(self.i.valid & free):
            m.d.sync += [self.o.payload.eq(self.i.payload), self.o.valid.eq(1), waited.eq(0)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


def talk(form, core, script):
    dut = Shell(core, divisor=DIVISOR, build_id=BUILD_ID, form=form)
    calls = {frame[2]: frame for frame in script if len(frame) > 8}
    return converse(
        dut,
        script,
        lambda kind, seq: 0 if kind == FrameType.ERROR else zlib.crc32(bare(calls[seq]), KEY),
    )


def bare(wire):
    """A frame's bytes up to its CRC."""
    plain = wire[1:-1].replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
    return plain[:-4]


@pytest.mark.parametrize("wait", [0, 900])
@pytest.mark.parametrize(
    ("width", "signed", "deep"),
    [(1, False, False), (5, True, True), (8, False, False), (16, True, False)],
)
def test_the_core_is_shown_the_encoder_s_bits_and_none_of_a_damaged_frame(
    width, signed, deep, wait
):
    encoder = encoder_of(width, signed)
    model = through(encoder)
    table, rest = split_encoder(model)
    form = Form(model, rest, table, False, 0, deep=deep)
    samples = random_samples(model, 4)
    script = [infer(model, sample, seq) for seq, sample in enumerate(samples, start=1)]
    script[1] = infer(model, samples[1], 2, flip=6)  # in the payload
    if wait:  # let each be answered, but for the second good one: it comes while the first waits
        script[2:2] = [b"\xc0" * 40]
    heard = talk(form, Copy(encoder.n_bits, wait), script)
    pairs = (encoder.feature.tolist(), encoder.threshold.tolist())
    expected = [
        sum(bit << place for place, bit in enumerate(naive.thermometer(sample, *pairs)))
        for number, sample in enumerate(samples)
        if number != 1
    ]
    answered = [frame for frame in heard.frames if frame.type == FrameType.RESULT]
    errors = [frame for frame in heard.frames if frame.type == FrameType.ERROR]
    assert [int.from_bytes(frame.payload, "little") for frame in answered] == heard.vectors
    # With a slow core some are overrun; whatever it is shown is right.
    shown = [expected[{1: 0, 3: 1, 4: 2}[frame.seq]] for frame in answered]
    assert shown == heard.vectors
    assert all(f.payload[0] in (ErrorCode.CRC, ErrorCode.WIRE) for f in errors)
    assert len(answered) + len(errors) == 4
    if not wait:
        assert heard.vectors == expected


@pytest.mark.parametrize("on_arrival", [False, True])
def test_a_folded_core_reads_the_bits_out_of_memory(on_arrival):
    if on_arrival:
        model = through(encoder_of(8, False, features=6, per_feature=2), kind="scores")
        table, rest = split_encoder(model)
        form = Form(model, rest, table, True, 0)
    else:
        model = rest = builds.deep_model(layers=2, width=12)
        form = Form(model, model, None, True, 0)
    samples = random_samples(model, 5)
    script = [infer(model, sample, seq) for seq, sample in enumerate(samples)]
    script.insert(2, infer(model, samples[0], 77, flip=5))
    heard = talk(form, FoldedCore(rest, bit_serial=True), script)
    answers = {f.seq: f.payload for f in heard.frames if f.type == FrameType.RESULT}
    assert [int.from_bytes(answers[seq], "little") for seq in range(5)] == [
        answer(model, sample) for sample in samples
    ]
    assert [f for f in heard.frames if f.type == FrameType.ERROR and f.seq == 77]


def test_a_table_with_a_wrong_threshold_shows_the_core_another_bit():
    encoder = encoder_of(8, False)
    model = through(encoder)
    table, rest = split_encoder(model)
    threshold = table.threshold.copy()
    threshold[-1] += 1
    wrong = ArrivalTable(8, False, 5, threshold, table.compared, table.last)
    sample = [0, 0, 0, 0, int(encoder.threshold[-1]) + 1]
    seen = [
        talk(Form(model, rest, t, False, 0), Copy(encoder.n_bits, 0), [infer(model, sample, 9)])
        for t in (table, wrong)
    ]
    assert seen[0].vectors[0] ^ seen[1].vectors[0] == 1 << encoder.n_bits - 1
