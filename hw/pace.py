"""How many cycles a FoldedCore takes, to the cycle: what the memories behind it make of a program.

A vector is accepted in cycle 0. Its loads are issued from cycle 1 on, everything else once they
have drained. Instructions that are streamed from flash come chunk by chunk, and a chunk only while
there is room for it beside the one that is run.
"""

from __future__ import annotations

from dataclasses import dataclass

from lgncc.mapping.flash_image import CHUNK_WORDS
from lgncc.mapping.program import Program

JUDGE_CYCLES = 3  # behind a chunk's last pulse: the pads, and its CRC is compared


@dataclass(frozen=True)
class Fetch:
    """Chunks from flash. seek_cycles: from a seek to the first pulse; chunk_cycles: of a chunk's
    pulses."""

    seek_cycles: int
    chunk_cycles: int


@dataclass(frozen=True)
class Pace:
    """load_cycles: from the one that accepts a vector to the one that decides what follows its
    loads; run_cycles: from there to the first with an answer."""

    load_cycles: int
    run_cycles: int

    @classmethod
    def of(
        cls, program: Program, *, issue_cycles: int, drain_cycles: int, fetch: Fetch | None
    ) -> Pace:
        """fetch: None where no instruction is waited for."""
        clock = _Clock(issue_cycles, fetch)
        clock.run_to(program.n_loads)
        loaded = clock.drained(drain_cycles)
        clock.run_to(len(program))
        return cls(loaded, clock.drained(drain_cycles) + 1 - loaded)

    @property
    def latency_cycles(self) -> int:
        return self.load_cycles + self.run_cycles

    def interval(self, lanes: int) -> int:
        """Cycles a vector, rounded up, of batches of so many."""
        return -(-(lanes * (self.load_cycles + 2) + self.run_cycles - 1) // lanes)


class _Clock:
    """Counts a run's cycles, from the one that accepts on, some instructions at a time."""

    def __init__(self, issue_cycles: int, fetch: Fetch | None) -> None:
        self.issue_cycles = issue_cycles
        self.chunk_cycles = fetch.chunk_cycles if fetch else 0
        self.issued = 0
        self.last = 0  # the cycle of the last issue, or from which on there may be another
        self.may_issue = 1
        self.there = self.next_there = 0
        if fetch:
            self.there = 1 + fetch.seek_cycles + fetch.chunk_cycles + JUDGE_CYCLES
            self.next_there = self._after(self.there)

    def run_to(self, end: int) -> None:
        """Issue the instructions before this one."""
        while self.issued < end:
            stop = end
            if self.chunk_cycles:
                stop = min(end, (self.issued // CHUNK_WORDS + 1) * CHUNK_WORDS)
            start = max(self.may_issue, self.there)
            self.last = start + (stop - self.issued - 1) * self.issue_cycles
            self.may_issue = self.last + self.issue_cycles
            self.issued = stop
            if self.chunk_cycles and stop % CHUNK_WORDS == 0:
                entered = max(self.next_there, self.last + 1)
                self.there, self.next_there = self.next_there, self._after(entered)

    def _after(self, room: int) -> int:
        """From when on the chunk is there for which there is room from this cycle on."""
        return room + 1 + self.chunk_cycles + JUDGE_CYCLES

    def drained(self, drain_cycles: int) -> int:
        """The cycle in which all of that has happened; then the next instruction may come."""
        done = self.last + drain_cycles
        self.may_issue = max(self.may_issue, done + 1)
        return done
