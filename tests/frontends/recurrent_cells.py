"""State dicts of recurrent cells, and a restatement in float arithmetic of their step.

Restated from salon64/difflogic: stacks of difflogic gates (id g on (a, b) by its row of the
published table) read [x_t; h]; h and C start at 0; gated is s*h + (1-s)*c, OR is a + b - a*b,
toggle T + h - 2*T*h.
"""

import numpy as np
import torch

from lgncc.frontends import recurrent
from lgncc.frontends.source import GivenFacts, Source

OPERATORS = [
    lambda a, b: 0,
    lambda a, b: a * b,
    lambda a, b: a - a * b,
    lambda a, b: a,
    lambda a, b: b - a * b,
    lambda a, b: b,
    lambda a, b: a + b - 2 * a * b,
    lambda a, b: a + b - a * b,
    lambda a, b: 1 - (a + b - a * b),
    lambda a, b: 1 - (a + b - 2 * a * b),
    lambda a, b: 1 - b,
    lambda a, b: 1 - b + a * b,
    lambda a, b: 1 - a,
    lambda a, b: 1 - a + a * b,
    lambda a, b: 1 - a * b,
    lambda a, b: 1,
]
STACKS = {
    "recompute": ["update"],
    "gated": ["candidate", "gate"],
    "sr": ["set_net", "reset_net"],
    "toggle": ["toggle_net"],
    "gru": ["candidate", "gate", "out_proj", "readout"],
    "lstm": ["forget", "input", "candidate", "out_proj", "readout"],
}


def build(kind, n_inputs, hidden, depth, rng):
    """A state dict of a random cell."""
    state = {}
    for stack in STACKS[kind]:
        width = 2 * hidden if stack == "readout" else n_inputs + hidden
        for layer in range(depth):
            name = f"cell.{stack}.net.{layer}."
            state[name + "weights"] = torch.randn(hidden, 16, generator=rng)
            state[name + "conn_a"] = torch.randint(0, width, (hidden,), generator=rng)
            state[name + "conn_b"] = torch.randint(0, width, (hidden,), generator=rng)
            width = hidden
    return state


def stack_of(state, stack, z):
    layer = 0
    while f"cell.{stack}.net.{layer}.weights" in state:
        name = f"cell.{stack}.net.{layer}."
        ids = state[name + "weights"].argmax(-1).tolist()
        wires = zip(state[name + "conn_a"].tolist(), state[name + "conn_b"].tolist(), strict=True)
        z = [OPERATORS[g](z[a], z[b]) for g, (a, b) in zip(ids, wires, strict=True)]
        layer += 1
    return z


def step(kind, state, x, h, c):
    """The next (h, C)."""
    z = [*x, *h]
    out = {stack: stack_of(state, stack, z) for stack in STACKS[kind] if stack != "readout"}
    rows = range(len(h))
    if kind == "recompute":
        return out["update"], c
    if kind == "gated":
        s, candidate = out["gate"], out["candidate"]
        return [s[i] * h[i] + (1 - s[i]) * candidate[i] for i in rows], c
    if kind == "sr":
        held = [(1 - out["reset_net"][i]) * h[i] for i in rows]
        return [s + q - s * q for s, q in zip(out["set_net"], held, strict=True)], c
    if kind == "toggle":
        return [t + q - 2 * t * q for t, q in zip(out["toggle_net"], h, strict=True)], c
    if kind == "gru":
        s, candidate = out["gate"], out["candidate"]
        c = [s[i] * c[i] + (1 - s[i]) * candidate[i] for i in rows]
    else:
        kept = [c[i] * out["forget"][i] for i in rows]
        written = [out["input"][i] * out["candidate"][i] for i in rows]
        c = [a + b - a * b for a, b in zip(kept, written, strict=True)]
    return stack_of(state, "readout", [*out["out_proj"], *c]), c


def unroll(kind, state, sequence, hidden):
    h, c, answers = [0] * hidden, [0] * hidden, []
    for x in sequence:
        h, c = step(kind, state, x, h, c)
        answers.append(h)
    return answers


def save(content, tmp_path):
    path = tmp_path / "cell.pt"
    torch.save(content, path)
    return path


def read(content, tmp_path, **facts):
    return recurrent.read(Source(save(content, tmp_path)), GivenFacts(**facts))


def sequences(n_inputs, samples=5, steps=7, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (samples, steps, n_inputs))


def facts_of(kind, n_inputs):
    return {"input_bits": n_inputs, **({"cell": "recompute"} if kind == "recompute" else {})}
