"""The receiver of a design with state: every step of a sequence is taken once, and in order.

The CRC of a step goes on from that of the step before, which the board keeps. So a step that was
lost, repeated, overtaken or meant for another sequence is refused as damaged. Only the last step
that was taken may come again, known by the lowest bit of its seq: its CRC is compared, and it
is answered again. docs/decisions/0006-steps-are-a-chain.md says why.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal

from lgncc.host.frames import ErrorCode, FrameType, step_type
from lgncc.hw.checksum import register
from lgncc.hw.link import Incoming, RequestReceiver
from lgncc.hw.sequence import SequenceFlags


class StepReceiver(RequestReceiver):
    """Ports as of RequestReceiver; a request with `infer` is a step. With `repeat` it is the last
    one again: the core must not see it. Of a first step the CRC goes on from the build id."""

    def __init__(self, in_bytes: int, build_id: bytes, flags: SequenceFlags) -> None:
        super().__init__(in_bytes, build_id)
        self.flags = flags

    def _rules(self, m: Module, at: Incoming) -> Any:
        data, crc = at.data, at.crc
        kind_bits = 2 if self.flags.last else 1
        is_step = data[kind_bits:] == FrameType.STEP >> kind_bits
        begins, ends = Signal(reset_less=True), Signal(reset_less=True)
        repeat = Signal(reset_less=True)
        with m.If(at.first & at.in_type):
            m.d.sync += [at.infer.eq(is_step), begins.eq(data[0])]
            m.d.sync += ends.eq(data[1] if self.flags.last else 0)
        goes_on = at.infer & ~begins

        begun = Signal()  # since the reset; the rest of what is known of the last step taken:
        chain = Signal(32, reset_less=True)
        lowest = Signal(reset_less=True)  # of its seq
        was_silent = Signal(reset_less=True)
        with m.If(at.first & at.in_seq):
            m.d.sync += repeat.eq(goes_on & self._is_repeated(data[0], lowest))

        good = at.infer & (self.request.payload.code == 0)
        taken = at.accepted & good & ~repeat
        silent = ~ends if self.flags.last else 0
        with m.If(taken):
            m.d.sync += [begun.eq(1), lowest.eq(self.request.payload.seq[0])]
            m.d.sync += [chain.eq(crc.crc), was_silent.eq(silent)]
        fixed = at.byte & at.in_type & ~goes_on
        m.d.comb += [
            self.request.payload.repeat.eq(repeat),
            self.request.payload.first.eq(begins),
            self.request.payload.silent.eq(Mux(repeat, was_silent, silent)),
            # Between frames the register holds the chain; of a repeated step it is what the CRC
            # must be, whatever the payload.
            crc.load.eq(fixed | (at.in_payload & repeat) | (at.accepted & ~taken)),
            crc.value.eq(Mux(fixed, self._start(at.infer, ends), chain)),
        ]
        known = Mux(data == FrameType.IDENT, 0, ErrorCode.TYPE)
        return Mux(is_step, Mux(data[0] | begun, 0, ErrorCode.SEQUENCE), known)

    def _start(self, is_step: Any, ends: Any) -> Any:
        """The register after a type whose CRC goes on from nothing that came over the line."""
        only, step = (
            register(self.build_id + bytes([step_type(first=True, last=last)]))
            for last in (True, False)
        )
        return Mux(is_step, Mux(ends, only, step), register(bytes([FrameType.IDENT])))

    def _is_repeated(self, lowest: Any, lowest_taken: Any) -> Any:
        return lowest == lowest_taken
