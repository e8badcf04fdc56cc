"""How numbers are said."""

from __future__ import annotations


def counted(n: int, noun: str, plural: str = "") -> str:
    """`1 cycle`, `1,783 cycles`. plural: where it is not the noun and an s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
