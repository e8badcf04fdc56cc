"""AIGER files in both forms, and a restatement of the format, and-gate by and-gate."""

from hypothesis import strategies as st

from lgncc.frontends import aiger
from lgncc.frontends.source import GivenFacts, Source

HALF_ADDER = b"""aag 7 2 0 2 3
2
4
6
12
6 13 15
12 2 4
14 3 5
i0 x
i1 y
o0 s
o1 c
c
half adder, from the AIGER report
"""
TOGGLE = b"""aag 3 1 1 2 1
2
4 7 1
4
7
6 2 4
"""


def read(data, tmp_path, **facts):
    path = tmp_path / "net.aig"
    path.write_bytes(data)
    return aiger.read(Source(path), GivenFacts(**facts))


def run(graph, steps):
    """Outputs of each step. A latch is (literal, next, reset), an AND (literal, a, b)."""
    inputs, latches, outputs, ands = graph
    drivers = {left: (a, b) for left, a, b in ands}
    state = {literal: reset for literal, _, reset in latches}
    answers = []
    for bits in steps:
        values = {0: 0, **dict(zip(inputs, bits, strict=True)), **state}

        def value(literal, values=values):
            if literal % 2:
                return 1 - value(literal - 1)
            if literal not in values:
                a, b = drivers[literal]
                values[literal] = value(a) * value(b)
            return values[literal]

        answers.append([value(output) for output in outputs])
        state = {literal: value(after) for literal, after, _ in latches}
    return answers


def ascii_file(graph):
    inputs, latches, outputs, ands = graph
    highest = max([0, *inputs, *(row[0] for row in (*latches, *ands))]) // 2
    header = f"aag {highest} {len(inputs)} {len(latches)} {len(outputs)} {len(ands)}"
    rows = [[i] for i in inputs] + [list(row) for row in latches]
    rows += [[o] for o in outputs] + [list(row) for row in ands]
    return "\n".join([header, *(" ".join(map(str, row)) for row in rows)]).encode() + b"\n"


def binary_file(graph):
    """The graph must be in the binary form's order."""
    inputs, latches, outputs, ands = graph
    total = len(inputs) + len(latches) + len(ands)
    text = f"aig {total} {len(inputs)} {len(latches)} {len(outputs)} {len(ands)}\n"
    text += "".join(f"{after} {reset}\n" if reset else f"{after}\n" for _, after, reset in latches)
    text += "".join(f"{output}\n" for output in outputs)
    octets = bytearray()
    for left, a, b in ands:
        for delta in (left - a, a - b):
            rest = delta
            while rest > 127:
                octets.append(rest % 128 + 128)
                rest //= 128
            octets.append(rest)
    return text.encode() + bytes(octets)


@st.composite
def graphs(draw):
    """A random graph in the binary form's order, some of them wide enough for long deltas."""
    rng = draw(st.randoms(use_true_random=False))
    n_inputs, n_latches = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    n_ands = draw(st.sampled_from([0, 1, 5, 20, 200]))
    first = 2 * (1 + n_inputs + n_latches)
    ands = []
    for index in range(n_ands):
        left = first + 2 * index
        a, b = rng.randrange(left), rng.randrange(left)
        ands.append((left, max(a, b), min(a, b)))
    top = first + 2 * n_ands
    latch = [2 * (1 + n_inputs + i) for i in range(n_latches)]
    latches = [(lit, rng.randrange(top), rng.randrange(2)) for lit in latch]
    outputs = [rng.randrange(top) for _ in range(draw(st.integers(0, 6)))]
    steps = [[rng.randrange(2) for _ in range(n_inputs)] for _ in range(4)]
    return ([2 * (1 + i) for i in range(n_inputs)], latches, outputs, ands), steps, rng
