"""dwn2rtl against lgncc on one DWN: LUT4s on iCE40, lookup tables to class, no encoder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from synthesis import synthesize

from lgncc.builder import NetlistBuilder
from lgncc.encoder import Encoder
from lgncc.mapping.map_model import map_model
from lgncc.model import LogicModel, Provenance, Readout
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.verify.mapped import prove_mapped

FEATURES, BITS, NODES, FANINS, CLASSES = 64, 8, 600, 6, 10


def random_dwn(seed=0):
    """A checkpoint as dwn2rtl takes it: one layer of random tables."""
    rng = torch.Generator().manual_seed(seed)
    luts = torch.rand(NODES, 2**FANINS, generator=rng) * 2 - 1
    mapping = torch.randint(FEATURES * BITS, (NODES, FANINS), generator=rng, dtype=torch.int32)
    thresholds = torch.linspace(0, 1, BITS + 2)[1:-1].repeat(FEATURES, 1)
    return {
        "config": {
            "n": FANINS,
            "num_classes": CLASSES,
            "layers": [NODES],
            "thermometer_bits": BITS,
        },
        "state_dict": {"0.luts": luts, "0.mapping": mapping},
        "thermometer": {"thresholds": thresholds},
    }


def as_model(checkpoint):
    """The same, thermometer bits to class; slot l of a node is bit l of its address."""
    layer = checkpoint["state_dict"]
    rows = (layer["0.luts"] > 0).numpy().astype(np.uint64)
    tables = (rows << np.arange(rows.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    builder = NetlistBuilder(FEATURES * BITS)
    nodes = builder.luts(tables, builder.inputs[layer["0.mapping"].numpy()])
    return LogicModel(
        Encoder.identity(FEATURES * BITS),
        builder.finish(nodes),
        Readout.group_sum(NODES, CLASSES),
        Provenance("dwn"),
    )


def dwn2rtl_core(_, limit_s):
    """Of `random_dwn`, which it reads as a checkpoint."""
    import dwn2rtl

    with tempfile.TemporaryDirectory() as folder:
        torch.save(random_dwn(), Path(folder, "model.pt"))
        dwn2rtl.build(Path(folder, "model.pt"), Path(folder, "rtl"))
        # Its testbenches are in a folder below.
        sources = sorted(Path(folder, "rtl").glob("*.v"))
        verilog = "\n".join(path.read_text() for path in sources)
        cells = synthesize(verilog, "dwn_core", limit_s)
    return {"LUT4": cells.luts, "carries": cells.carries}


def ours(model, limit_s):
    design = map_model(optimize(model, choose_pipeline(2), prove=True).model, 4)
    prove_mapped(design)
    return {"LUT4": design.luts.n_gates, "LUT levels": design.luts.depth, "note": "proved"}


NAME = f"random DWN, {NODES} nodes of {FANINS} inputs"
DWN2RTL = "dwn2rtl core, synth_ice40"
FLOWS = {DWN2RTL: dwn2rtl_core, "lgncc -O2": ours}
