"""Latency and throughput from the clock, the core's cycles and the frames of the link."""

from __future__ import annotations

from lgncc.boards import Board
from lgncc.emit.board import BoardDesign
from lgncc.host.frames import BITS_A_BYTE, bytes_for, frame_bytes
from lgncc.report.build_report import CoreAndLink


def frame_seconds(payload_bits: int, board: Board) -> float:
    """Seconds of a frame on the wire, without escapes, which random data makes 1 % longer."""
    return frame_bytes(bytes_for(payload_bits)) * BITS_A_BYTE / board.uart.baud


def latency_us(design: BoardDesign, board: Board) -> CoreAndLink:
    """From a vector accepted to its answer; from the first byte sent to the last received."""
    core = design.core.latency_cycles / board.clock.hz
    request, response = _frames(design, board)
    return CoreAndLink(core=core * 1e6, link=(request + core + response) * 1e6)


def throughput_samples_per_s(design: BoardDesign, board: Board) -> CoreAndLink:
    """One vector an interval; over the link both ways at once, one vector in the core."""
    interval = design.core.initiation_interval / board.clock.hz
    latency = design.core.latency_cycles / board.clock.hz
    request, response = _frames(design, board)
    return CoreAndLink(core=1 / interval, link=1 / max(request, response + latency))


def _frames(design: BoardDesign, board: Board) -> tuple[float, float]:
    return (
        frame_seconds(design.in_width, board),
        frame_seconds(len(design.core.o.payload), board),
    )
