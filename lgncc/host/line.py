"""How long a sample's frames take on a board's line, and how many samples it carries."""

from __future__ import annotations

from dataclasses import dataclass

from lgncc.host.frames import frame_bytes

ESCAPES = 1.01
"""Frames of random data are longer by about so much; rates that differ by less are the same."""


@dataclass(frozen=True)
class Line:
    """request, response: the time of a sample's two frames, without escapes."""

    request: float
    response: float

    @classmethod
    def of(cls, in_bytes: int, out_bytes: int, byte_time: float) -> Line:
        """Of payloads of so many bytes; all times are in the unit of `byte_time`."""
        return cls(byte_time * frame_bytes(in_bytes), byte_time * frame_bytes(out_bytes))

    def latency(self, core: float) -> float:
        """From the first byte sent to the last received; `core`: from a vector to its answer."""
        return self.request + core + self.response

    def interval(self, core: float = 0) -> float:
        """From sample to sample: both ways at once, one vector in the core."""
        return max(self.request, self.response + core)
