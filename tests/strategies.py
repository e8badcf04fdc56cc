"""Hypothesis strategies: netlists, encoders, readouts and models, small and nasty."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lgncc.encoder import Encoder
from lgncc.model import Fact, LogicModel, Provenance, Readout
from lgncc.netlist import Netlist

WIRES = (0x3, 0x5, 0xA, 0xC)  # of a two-input gate: one fanin or its complement


@st.composite
def _gate(draw, own_id, k, earlier):
    """(fanin, table): anything, or one of the shapes that optimization is about."""
    rows = (1 << (1 << k)) - 1
    node = st.integers(0, own_id - 1)
    shape = draw(st.sampled_from(("any", "any", "any", "wire", "constant", "tied", "twin")))
    fanin = [draw(node) for _ in range(k)]
    table = draw(st.integers(0, rows))
    if shape == "constant":
        table = draw(st.sampled_from((0, rows)))
    elif shape == "wire" and k == 2:
        table = draw(st.sampled_from(WIRES))
    elif shape == "tied":
        fanin = [fanin[0]] * k
    elif shape == "twin" and earlier:
        fanin, table = draw(st.sampled_from(earlier))
        table ^= draw(st.sampled_from((0, rows)))
        if k == 2 and draw(st.booleans()):
            fanin, table = fanin[::-1], table & 0b1001 | table >> 1 & 2 | table << 1 & 4
    return fanin, table


@st.composite
def netlists(
    draw, k=2, max_inputs=5, max_state=0, max_gates=14, max_outputs=5, min_inputs=0, named=None
):
    """A netlist with unread inputs, repeated, constant and directly wired outputs among them."""
    n_inputs = draw(st.integers(min_inputs, max_inputs))
    n_state = draw(st.integers(0, max_state))
    first = 2 + n_inputs + n_state
    gates = []
    for own_id in range(first, first + draw(st.integers(0, max_gates))):
        gates.append(draw(_gate(own_id, k, gates)))
    node = st.integers(0, first + len(gates) - 1)
    outputs = draw(st.lists(node, max_size=max_outputs))
    named = draw(st.booleans()) if named is None else named
    return Netlist(
        n_inputs=n_inputs,
        fanin=np.array([fanin for fanin, _ in gates], np.int32).reshape(-1, k),
        table=np.array([table for _, table in gates], np.uint64),
        outputs=outputs,
        next_state=draw(st.lists(node, min_size=n_state, max_size=n_state)),
        reset=draw(st.lists(st.booleans(), min_size=n_state, max_size=n_state)),
        input_names=tuple(f"pin{i}" for i in range(n_inputs)) if named else (),
        output_names=tuple(f"pout{i}" for i in range(len(outputs))) if named else (),
    )


def integer_range(bits, signed):
    """Lowest and highest integer of a format, by definition."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


@st.composite
def encoders(draw, n_bits=None, max_features=3, max_width=4):
    """Thermometers over features of different formats; constant bits among them."""
    n_bits = draw(st.integers(0, 6)) if n_bits is None else n_bits
    n_features = draw(st.integers(1, max_features))
    formats = [
        (draw(st.integers(1, max_width)), draw(st.booleans()), draw(st.integers(0, 3)))
        for _ in range(n_features)
    ]
    feature = draw(st.lists(st.integers(0, n_features - 1), min_size=n_bits, max_size=n_bits))
    threshold = []
    for index in feature:
        low, high = integer_range(*formats[index][:2])
        threshold.append(draw(st.integers(low - 1, high)))
    bits, signed, fraction = zip(*formats, strict=True)
    return Encoder(bits, signed, fraction, feature, threshold)


@st.composite
def readouts(draw, n_outputs):
    """Raw bits, a GroupSum, or signed weights with biases and classes without terms."""
    shape = draw(st.sampled_from(("bits", "groups", "weights")))
    if shape == "bits":
        return Readout.bits()
    kind = draw(st.sampled_from(("class", "scores")))
    tau, beta = draw(st.sampled_from((1.0, 0.5, 30.0))), draw(st.sampled_from((0.0, -1.5)))
    if shape == "groups" and n_outputs:
        classes = draw(st.sampled_from([c for c in range(1, n_outputs + 1) if n_outputs % c == 0]))
        return Readout.group_sum(n_outputs, classes, tau=tau, beta=beta, kind=kind)
    classes = draw(st.integers(1, 4))
    position = st.integers(0, max(n_outputs - 1, 0))
    term = st.tuples(position, st.integers(0, classes - 1), st.integers(-3, 3))
    terms = draw(st.lists(term, max_size=8 if n_outputs else 0))
    columns = [[t[column] for t in terms] for column in range(3)]
    bias = draw(st.lists(st.integers(-4, 4), min_size=classes, max_size=classes))
    return Readout(kind, *columns, bias=bias, tau=tau, beta=beta)


FACTS = st.builds(
    Fact,
    st.text(max_size=5),
    st.text(max_size=5),
    st.sampled_from(("from checkpoint", "given", "derived, exact")),
)


@st.composite
def models(draw, k=2, max_state=0):
    netlist = draw(netlists(k=k, max_state=max_state, max_gates=8))
    return LogicModel(
        encoder=draw(encoders(n_bits=netlist.n_inputs)),
        netlist=netlist,
        readout=draw(readouts(len(netlist.outputs))),
        provenance=Provenance("test", "some/path", "0123", tuple(draw(st.lists(FACTS)))),
    )


@st.composite
def feature_integers(draw, encoder, n):
    """Samples (n, F) as integers of the encoder's formats."""
    columns = [
        draw(st.lists(st.integers(*integer_range(int(b), bool(s))), min_size=n, max_size=n))
        for b, s in zip(encoder.bits, encoder.signed, strict=True)
    ]
    return np.array(columns, np.int64).reshape(encoder.n_features, n).T
