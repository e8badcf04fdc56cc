"""A gate processor in plain Python: what an instruction word says, done one at a time."""

from __future__ import annotations

from lgncc.hw.readout import score_shape
from lgncc.mapping.assembler import first_score
from lgncc.mapping.program import WRITE_TO_READ, Op


def field(word, start, bits):
    return word >> start & (1 << bits) - 1


class Processor:
    """Runs instruction words; a write is only seen WRITE_TO_READ instructions later."""

    def __init__(self, model, program, nodes=None):
        self.program, self.encoder = program, model.encoder
        self.width = score_shape(model.readout).width if model.readout.kind != "bits" else 1
        self.score = first_score(model) if model.readout.kind != "bits" else 0
        self.nodes = [0] * (1 << program.address_bits)

    def step(self, features, first=True):
        """Bits and scores of one sample."""
        program = self.program
        wide, at = program.address_bits, 7 + program.address_bits
        unsigned = [
            x + (1 << int(bits) - 1) * int(signed)
            for x, bits, signed in zip(
                features, self.encoder.bits, self.encoder.signed, strict=True
            )
        ]
        writes, bits, scores, feature = [], [], [], 0
        for now, word in enumerate(program.words.tolist()):
            while writes and writes[0][0] <= now:
                _, place, bit = writes.pop(0)
                self.nodes[place] = bit
            op, table, dst = field(word, 0, 3), field(word, 3, 4), field(word, 7, wide)
            immediate = field(word, at, program.immediate_bits)
            a, b = (
                (self.nodes[field(word, at + i * wide, wide)] for i in range(2))
                if op in (Op.GATE, Op.COUNT, Op.BIT)
                else (0, 0)
            )
            value = table >> (a + 2 * b) & 1
            if op == Op.GATE:
                writes.append((now + WRITE_TO_READ, dst, value))
            elif op == Op.LOAD:
                writes.append(
                    (
                        now + WRITE_TO_READ,
                        dst,
                        int(sum(unsigned[feature : feature + 1]) > immediate),
                    )
                )
            elif op == Op.RESET and first:
                writes.append((now + WRITE_TO_READ, dst, immediate))
            elif op == Op.COUNT:
                self.score += value
            elif op == Op.CLASS:
                scores.append(self.score % (1 << self.width))
                self.score = immediate
            elif op == Op.BIT:
                bits.append(value)
            feature += op == Op.NEXT or (op == Op.LOAD and table == 1)
        for _, place, bit in writes:
            self.nodes[place] = bit
        return bits, scores
