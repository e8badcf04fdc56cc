"""What the host must know of a finished build: its link, its vectors, its golden answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from lgncc.errors import InputError
from lgncc.host.frames import BITS_A_BYTE, BUILD_ID_BYTES, Features, bytes_for
from lgncc.model import LogicModel
from lgncc.sim.job import FlashFacts
from lgncc.sim.vectors import AnswerFormat
from lgncc.specification import load_specification
from lgncc.storage import load_model


@dataclass(frozen=True, eq=False)
class Build:
    """model: as read, or as lossy pruning left it, before any pass; answer: a RESULT's fields."""

    folder: Path
    model: LogicModel
    answer: AnswerFormat
    build_id: bytes
    latency_cycles: int
    initiation_interval: int
    uart_divisor: int
    clock_hz: int
    answers_last: bool = False
    """Of a sequence only the last step is answered."""
    core_hz: int | None = None
    """Of the core's clock, where that is not the link's."""
    flash: FlashFacts | None = None

    @property
    def has_state(self) -> bool:
        return self.model.netlist.n_state > 0

    @property
    def features(self) -> Features:
        """As its board must state them."""
        if not self.has_state:
            return Features.NONE
        return Features.STATE | (Features.LAST_STEP if self.answers_last else Features.NONE)

    @property
    def in_bytes(self) -> int:
        return bytes_for(self.in_width)

    @property
    def in_width(self) -> int:
        return self.model.encoder.input_width

    @property
    def out_bytes(self) -> int:
        return bytes_for(self.answer.total_width)

    @property
    def key(self) -> int:
        """What the CRC of a request goes on from."""
        return crc32(self.build_id)

    @property
    def baud(self) -> int:
        """The rate that the design divides its clock to."""
        return round(self.clock_hz / self.uart_divisor)

    @property
    def core_bytes(self) -> int:
        """The core's latency in byte times of the line, rounded up."""
        return -(-self.latency_cycles // (BITS_A_BYTE * self.uart_divisor))


def load_build(folder: Path) -> Build:
    """Read a build folder. Raises InputError, naming the file, where it is none."""
    model = load_specification(folder).model
    # The optimized model only says how wide the core's fields are, never what is in them.
    answer = AnswerFormat.of(load_model(folder / "optimized_model.npz"))
    path = folder / "design.json"
    try:
        facts = json.loads(path.read_text())
        numbers = {
            name: int(facts[name])
            for name in ("latency_cycles", "initiation_interval", "uart_divisor", "clock_hz")
        }
        build_id = bytes.fromhex(facts["build_id"])
        if len(build_id) != BUILD_ID_BYTES:
            raise ValueError(f"build_id has {len(build_id)} bytes")
        answers_last = bool(facts.get("answers_last", False))
        flash = FlashFacts(**facts["flash"]) if facts.get("flash") else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a design's facts: {error!r}") from error
    return Build(
        folder=folder,
        model=model,
        answer=answer,
        build_id=build_id,
        answers_last=answers_last,
        core_hz=facts.get("core_hz"),
        flash=flash,
        **numbers,
    )
