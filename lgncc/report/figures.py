"""Latency and throughput from the clock, the core's cycles and the frames of the link."""

from __future__ import annotations

from lgncc.boards import Board
from lgncc.emit.board import BoardDesign
from lgncc.host.frames import BITS_A_BYTE, bytes_for
from lgncc.host.line import Line
from lgncc.report.build_report import CoreAndLink


def latency_us(design: BoardDesign, board: Board) -> CoreAndLink:
    """From a vector accepted to its answer; from the first byte sent to the last received."""
    core = design.core.latency_cycles / board.clock.hz
    return CoreAndLink(core=core * 1e6, link=_line(design, board).latency(core) * 1e6)


def throughput_samples_per_s(design: BoardDesign, board: Board) -> CoreAndLink:
    """One vector an interval; over the link one vector in the core."""
    interval = design.core.initiation_interval / board.clock.hz
    latency = design.core.latency_cycles / board.clock.hz
    return CoreAndLink(core=1 / interval, link=1 / _line(design, board).interval(latency))


def _line(design: BoardDesign, board: Board) -> Line:
    """In seconds."""
    in_bytes, out_bytes = bytes_for(design.in_width), bytes_for(len(design.core.o.payload))
    return Line.of(in_bytes, out_bytes, BITS_A_BYTE / board.uart.baud)
