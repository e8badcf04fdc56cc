"""A line that does what it likes with bytes, and frames made without the code under test."""


def naive_escape(body):
    codes = {0xC0: b"\xdb\xdc", 0xDB: b"\xdb\xdd"}
    return b"\xc0" + b"".join(codes.get(b, bytes([b])) for b in body) + b"\xc0"


class Line:
    """Loses, damages, repeats and swaps bytes, and now and then says again what it once said."""

    def __init__(self, random, rate, *, stale=0.05):
        self.random, self.rate, self.stale, self.past = random, rate, stale, b""

    def carry(self, data):
        out = bytearray()
        for byte in data:
            fault = self.random.random() / self.rate if self.rate else 9
            if fault < 1:
                out.append(byte ^ self.random.randrange(1, 256))
            elif fault < 1.2:
                pass
            elif fault < 1.4:
                out += bytes([byte, byte])
            elif fault < 1.5 and out:
                out.insert(-1, byte)
            else:
                out.append(byte)
        if self.rate and self.past and self.random.random() < self.stale:
            start = self.random.randrange(len(self.past))
            out += self.past[start : start + 60]  # stale bytes out of some buffer
        self.past += data
        return bytes(out)
