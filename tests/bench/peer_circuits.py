"""The same network as other tools take it: torchlogix's Circuit, C as difflogic makes it."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "frontends"))
from torchlogix_shim import torchlogix

from lgncc.frontends.torchlogix_circuit import OPERATIONS
from lgncc.gates import BUF_B, GATES

NAMES = {table: name for name, table in reversed(OPERATIONS.items())} | {BUF_B: "WIRE"}


def write_circuit(model, path):
    """Network and readout of `model` (weights of 1, no bias) as a torchlogix Circuit JSON."""
    netlist, readout = model.netlist, model.readout
    assert not netlist.n_state
    assert (readout.weight == 1).all()
    assert not readout.bias.any()
    n = netlist.n_inputs
    # Node ids 0 and 1, the constants, become the first two gates.
    name = np.concatenate([[n, n + 1], np.arange(n), n + 2 + np.arange(netlist.n_gates)])
    gates = [
        {"gate_id": n + value, "op": NAMES[0xF * value], "in0": -1, "in1": -1} for value in (0, 1)
    ]
    for gate, (table, (a, b)) in enumerate(
        zip(netlist.table.tolist(), name[netlist.fanin].tolist(), strict=True)
    ):
        fanins = {"in0": b, "in1": a} if table == BUF_B else {"in0": a, "in1": b}
        gates.append({"gate_id": n + 2 + gate, "op": NAMES[table], **fanins})
    first_sum = n + len(gates)
    terms = name[netlist.outputs][readout.output]
    sums = [
        {
            "node_id": first_sum + klass,
            "input_ids": terms[readout.klass == klass].tolist(),
            "tau": readout.tau,
            "beta": readout.beta,
        }
        for klass in range(readout.n_classes)
    ]
    circuit = {
        "n_inputs": n,
        "input_shape": [n],
        "outputs": [one["node_id"] for one in sums],
        "output_shape": [len(sums)],
        "gates": gates,
        "sum_nodes": sums,
    }
    path.write_text(json.dumps(circuit))


def torchlogix_circuit(path):
    """torchlogix's own Circuit of such a file."""
    torchlogix()
    from torchlogix.circuit import Circuit

    return Circuit.from_json_file(str(path))


class DifflogicStyle:
    """C in the manner of difflogic's CompiledLogicNet, stated anew: a local variable a gate,
    64 samples a word; inputs are packed and outputs counted sample by sample."""

    def __init__(self, model, folder):
        netlist, readout = model.netlist, model.readout
        source = folder / "difflogic_style.c"
        source.write_text(_difflogic_text(netlist, len(netlist.outputs), readout.n_classes))
        library = source.with_suffix(".so")
        # difflogic's own default is -O1.
        subprocess.run(
            ["gcc", "-O1", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True
        )
        self.n_classes = readout.n_classes
        self.library = ctypes.CDLL(library)

    def __call__(self, bits):
        """bool (n, B), n a multiple of 64, to counts int32 (n, classes)."""
        out = np.zeros((len(bits), self.n_classes), np.intc)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (bits, out)]
        self.library.apply(*pointers, ctypes.c_size_t(len(bits) // 64))
        return out


def _difflogic_text(netlist, n_outputs, n_classes):
    lines = [f"const word v{i + 2} = in[{i}];" for i in range(netlist.n_inputs)]
    for gate, (table, (a, b)) in enumerate(
        zip(netlist.table.tolist(), netlist.fanin.tolist(), strict=True), netlist.first_gate
    ):
        expression = GATES[table].expression.replace("1'b0", "0ull").replace("1'b1", "~0ull")
        lines.append(f"const word v{gate} = {expression.format(a=f'v{a}', b=f'v{b}')};")
    lines += [f"out[{i}] = v{node};" for i, node in enumerate(netlist.outputs.tolist())]
    body = "\n  ".join(lines)
    return f"""
#include <stdbool.h>
#include <stddef.h>
typedef unsigned long long word;
static void net(const word *in, word *out) {{
  const word v0 = 0, v1 = ~0ull;
  {body}
}}
void apply(const bool *in, int *out, size_t words) {{
  static word packed[{netlist.n_inputs}], answer[{n_outputs}];
  for (size_t w = 0; w < words; w++) {{
    for (size_t i = 0; i < {netlist.n_inputs}; i++) {{
      word one = 0;
      for (size_t s = 0; s < 64; s++)
        one |= (word)in[(w * 64 + s) * {netlist.n_inputs} + i] << s;
      packed[i] = one;
    }}
    net(packed, answer);
    for (size_t i = 0; i < {n_outputs}; i++)
      for (size_t s = 0; s < 64; s++)
        out[(w * 64 + s) * {n_classes} + i / {n_outputs // n_classes}] += answer[i] >> s & 1;
  }}
}}
"""
