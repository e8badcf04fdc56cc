"""A program as bytes in the board's SPI flash: whole, or in chunks that each prove themselves.

A chunk is CHUNK_WORDS instructions and the CRC-32 register that they leave behind, begun from the
program's key and the chunk's number: only the right chunk of the right program ends in zero.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

from lgncc.mapping.program import Program

CHUNK_WORDS = 128
CRC_BYTES = 4
ONES = 0xFFFF_FFFF


def in_order_of_spi(octets: bytes) -> bytes:
    """SPI sends the highest bit of a byte first; the lowest is wanted first."""
    bits = np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little")
    return np.packbits(bits).tobytes()


def word_octets(program: Program, octets_a_word: int) -> bytes:
    """The instructions, each in so many bytes, the lowest first."""
    return program.octets[:, :octets_a_word].tobytes()


def key_of(program: Program) -> int:
    """What the chunks of this program are told by from those of others."""
    return crc32(program.octets.tobytes())


def word_pairs(program: Program) -> int:
    """Pairs of bits of an instruction in a chunk."""
    return -(-program.width // 2)


def n_chunks(program: Program) -> int:
    return -(-len(program) // CHUNK_WORDS)


def chunk_bytes(program: Program) -> int:
    return CHUNK_WORDS * 2 * word_pairs(program) // 8 + CRC_BYTES


def chunked(program: Program) -> bytes:
    """The chunks one after the other, the last filled up with NOPs, lowest bits first."""
    octets, key = program.octets, key_of(program)
    bits = np.zeros((n_chunks(program) * CHUNK_WORDS, 2 * word_pairs(program)), np.uint8)
    wide = np.unpackbits(octets, axis=1, bitorder="little")
    bits[: len(program), : program.width] = wide[:, : program.width]
    chunks = np.packbits(bits.reshape(n_chunks(program), -1), axis=1, bitorder="little")
    parts = []
    for number, chunk in enumerate(chunks):
        data = chunk.tobytes()
        left = crc32(data, key ^ number ^ ONES) ^ ONES
        parts.append(data + left.to_bytes(CRC_BYTES, "little"))
    return b"".join(parts)
