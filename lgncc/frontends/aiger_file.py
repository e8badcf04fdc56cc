"""An AIGER file as arrays of literals, every section checked; `aiger` makes a netlist of it.

The format is that of A. Biere, K. Heljanko, S. Wieringa, "AIGER 1.9 and Beyond", 2011.
Sections are matched and converted whole, at C speed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lgncc.arrays import Bits, Integers
from lgncc.errors import InputError

HEADER = re.compile(rb"(aag|aig)((?: \d{1,10}){5,9})\n")
SECTIONS = ("bad state", "invariant constraint", "justice", "fairness")
MAX_INPUTS = 1 << 20
"""A binary file names its inputs by their number alone, so a few bytes could ask for any."""
MAX_DELTA_OCTETS = 5  # 35 bits


@dataclass(frozen=True)
class AigerFile:
    """Literals as in the file, int64.

    inputs (i,), latches (l,) and ands (a,) are defined; fanins (a, 2), next_states (l,)
    and outputs (o,) are used. resets: bool (l,). Names are empty where the file has none.
    """

    inputs: Integers
    latches: Integers
    next_states: Integers
    resets: Bits
    outputs: Integers
    ands: Integers
    fanins: Integers
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> AigerFile:
        """Raises InputErrors that name `path`."""
        header = HEADER.match(data)
        if not header:
            raise InputError(f"{path}:1: no AIGER header; it is `aag M I L O A` or `aig M I L O A`")
        binary = header[1] == b"aig"
        n_variables, n_inputs, n_latches, n_outputs, n_ands, *extra = map(int, header[2].split())
        _check_header(path, binary, (n_variables, n_inputs, n_latches, n_ands), extra)
        lines = _Lines(data if binary or data.endswith(b"\n") else data + b"\n", header.end(), path)
        if binary:
            inputs = 2 * np.arange(1, n_inputs + 1)
            table = lines.latches(n_latches, columns=1)
            latches = 2 * np.arange(n_inputs + 1, n_inputs + n_latches + 1)
            next_states, resets = table.T
        else:
            inputs = lines.numbers(n_inputs, 1, "an input").reshape(-1)
            latches, next_states, resets = lines.latches(n_latches, columns=2).T
        outputs = lines.numbers(n_outputs, 1, "an output").reshape(-1)
        if binary:
            ands, fanins = lines.deltas(n_inputs + n_latches + 1, n_ands)
        else:
            table = lines.numbers(n_ands, 3, "an AND")
            ands, fanins = table[:, 0], table[:, 1:]

        defined = np.concatenate([inputs, latches, ands])
        wrong = (defined & 1 == 1) | (defined < 2)
        if wrong.any():
            raise InputError(
                f"{path}: {defined[wrong][0]} cannot be defined; an input, a latch or an AND "
                "has an even literal from 2 on"
            )
        used = np.concatenate([defined, fanins.reshape(-1), outputs, next_states])
        if used.max(initial=0) > 2 * n_variables + 1:
            raise InputError(
                f"{path}: literal {used.max()}, but the header says {n_variables} variables"
            )
        names = lines.symbols({"i": n_inputs, "l": n_latches, "o": n_outputs})
        _check_resets(path, latches, resets, names["l"])
        return cls(
            inputs=inputs,
            latches=latches,
            next_states=next_states,
            resets=resets.astype(np.bool_),
            outputs=outputs,
            ands=ands,
            fanins=fanins,
            input_names=names["i"],
            output_names=names["o"],
        )


def _check_header(
    path: str, binary: bool, counts: tuple[int, int, int, int], extra: list[int]
) -> None:
    for name, count in zip(SECTIONS, extra, strict=False):
        if count:
            raise InputError(
                f"{path}:1: {count} {name} properties (AIGER 1.9); lgncc reads networks, not "
                "model checking problems: leave the section out"
            )
    variables, *parts = counts
    if variables < sum(parts) or (binary and variables != sum(parts)):
        raise InputError(
            f"{path}:1: the header says {variables} variables for {parts[0]} inputs, {parts[1]} "
            f"latches and {parts[2]} ANDs; they are {sum(parts)}{'' if binary else ' or more'}"
        )
    if parts[0] > MAX_INPUTS:
        raise InputError(f"{path}:1: {parts[0]} inputs; at most {MAX_INPUTS} are read")


def _check_resets(path: str, latches: Integers, resets: Integers, names: tuple[str, ...]) -> None:
    wrong = np.flatnonzero((resets != 0) & (resets != 1))
    if len(wrong):
        latch, reset = int(latches[wrong[0]]), int(resets[wrong[0]])
        what = "starts uninitialised" if reset == latch else f"resets to {reset}"
        name = f" ({names[wrong[0]]})" if names else ""
        raise InputError(
            f"{path}: latch {latch}{name} {what}; hardware needs a reset value of 0 or 1, so give "
            "it one where the file comes from"
        )


class _Lines:
    """The file behind its header, read section by section."""

    def __init__(self, data: bytes, start: int, path: str) -> None:
        self._data = data
        self._at = start
        self._path = path

    def _take(self, count: int, line: bytes, what: str) -> bytes:
        """The next `count` lines, each of which matches the pattern `line`."""
        if 2 * count > len(self._data) - self._at:
            raise InputError(f"{self._path}: the file ends before its {count} lines of {what}")
        # One match at C speed for the whole section; its length says where it went wrong.
        match = re.compile(rb"(?:" + line + rb"\n){0,%d}" % count).match(self._data, self._at)
        section = match[0] if match else b""
        self._at += len(section)
        if section.count(b"\n") != count:
            number = self._data.count(b"\n", 0, self._at) + 1
            found = self._data[self._at : self._at + 40].split(b"\n")[0]
            raise InputError(
                f"{self._path}:{number}: {found.decode('ascii', 'replace')!r} is not {what}"
            )
        return section

    def numbers(self, count: int, columns: int, what: str) -> Integers:
        """The next `count` lines of `columns` numbers each, int64 (count, columns)."""
        section = self._take(count, rb" ".join([rb"\d{1,10}"] * columns), what)
        return np.array(section.split(), np.int64).reshape(-1, columns)

    def latches(self, count: int, columns: int) -> Integers:
        """The next `count` lines of `columns` numbers and a reset, 0 where it is left out."""
        pattern = rb" ".join([rb"\d{1,10}"] * columns) + rb"(?: \d{1,10})?"
        section = self._take(count, pattern, "a latch")
        rows = [line.split() for line in section.splitlines()]
        filled = [row if len(row) > columns else [*row, b"0"] for row in rows]
        return np.array(filled, np.int64).reshape(-1, columns + 1)

    def deltas(self, first: int, count: int) -> tuple[Integers, Integers]:
        """Literals (a,) and fanins (a, 2) of a binary file's ANDs, from variable `first` on.

        Each AND is two differences, own - first and first - second, as 7-bit groups, the
        lowest first; the high bit of an octet says that more follow.
        """
        octets = np.frombuffer(self._data, np.uint8, offset=self._at)
        ends = np.flatnonzero(octets < 0x80)[: 2 * count]
        if len(ends) < 2 * count:
            raise InputError(f"{self._path}: the file ends within AND {len(ends) // 2} of {count}")
        if not count:
            return np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
        octets = octets[: ends[-1] + 1]
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends + 1 - starts
        if lengths.max() > MAX_DELTA_OCTETS:
            raise InputError(f"{self._path}: AND {int(lengths.argmax()) // 2} has an endless delta")
        shift = 7 * (np.arange(len(octets)) - np.repeat(starts, lengths))
        delta = np.add.reduceat((octets & 0x7F).astype(np.int64) << shift, starts).reshape(-1, 2)
        own = 2 * np.arange(first, first + count)
        fanin = np.stack([own - delta[:, 0], own - delta.sum(axis=1)], axis=1)
        wrong = (delta[:, 0] == 0) | (fanin[:, 1] < 0)
        if wrong.any():
            raise InputError(
                f"{self._path}: AND {int(wrong.argmax())} reads itself or something below 0"
            )
        self._at += len(octets)
        return own, fanin

    def symbols(self, counts: dict[str, int]) -> dict[str, tuple[str, ...]]:
        """Names by kind: inputs i, latches l, outputs o. None, or all with defaults filled in."""
        try:
            text = (b"\n" + self._data[self._at :]).split(b"\nc\n")[0].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self._path}: the symbol table is not UTF-8 text") from error
        names: dict[str, dict[int, str]] = {kind: {} for kind in counts}
        for line in text.split("\n"):
            if line == "c":  # a comment, to the end of the file
                break
            match = re.fullmatch(r"([ilo])(0|[1-9]\d{0,9}) (\S.*)", line)
            if not match:
                if not line:
                    continue
                raise InputError(f"{self._path}: {line[:40]!r} is no symbol (`i0 name`) and no `c`")
            kind, index, name = match[1], int(match[2]), match[3]
            if index >= counts[kind] or index in names[kind]:
                why = "named twice" if index in names[kind] else f"one of {counts[kind]}"
                raise InputError(f"{self._path}: symbol {line[:40]!r}: {kind}{index} is {why}")
            names[kind][index] = name
        return {
            kind: tuple(given.get(index, f"{kind}{index}") for index in range(counts[kind]))
            if given
            else ()
            for kind, given in names.items()
        }
