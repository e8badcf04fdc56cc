"""Every answer of a small netlist, by the naive evaluator: what functions are compared by."""

from __future__ import annotations

from itertools import product

import naive


def samples(width):
    """All samples of `width` bits, the first bit changing fastest."""
    return [bits[::-1] for bits in product((0, 1), repeat=width)]


def roots_of(netlist, inputs, state=()):
    """The output bits of one step, then the next state."""
    roots = [*netlist.outputs, *netlist.next_state]
    return naive.evaluate(netlist.n_inputs, netlist.fanin, netlist.table, roots, inputs, state)


def answers(netlist):
    """Outputs and next states for every input and every state, one row a sample."""
    n = netlist.n_inputs
    return [roots_of(netlist, bits[:n], bits[n:]) for bits in samples(n + netlist.n_state)]


def ports(netlist):
    """All that a pass must leave alone besides the functions."""
    return (
        netlist.n_inputs,
        len(netlist.outputs),
        [bool(bit) for bit in netlist.reset],
        netlist.input_names,
        netlist.output_names,
    )
