"""The time of a sample on the line, against the frames as the protocol draws them."""

from __future__ import annotations

from lgncc.host.frames import Frame, FrameType, encode
from lgncc.host.line import Line

BYTE = 120  # cycles


def test_a_sample_takes_its_frames():
    request = len(encode(Frame(FrameType.INFER, 1, bytes(40)), start=0))
    response = len(encode(Frame(FrameType.RESULT, 1, bytes(2)), start=0))
    line = Line.of(40, 2, BYTE)
    assert line == Line(BYTE * request, BYTE * response)
    assert line.latency(7) == BYTE * (request + response) + 7


def test_the_longer_way_counts_and_the_core_is_on_the_way_back():
    line = Line(request=600, response=100)
    assert (line.interval(), line.interval(500), line.interval(501)) == (600, 600, 601)
