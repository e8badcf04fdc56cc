"""What makes networks alike, as far as mapping goes: a few numbers, most of them logarithms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lgncc.gates import XNOR, XOR
from lgncc.model import LogicModel
from lgncc.search.terms import terms_of

Features = dict[str, float]


def features_of(model: LogicModel) -> Features:
    """Of an optimized model; each value is finite."""
    netlist = model.netlist
    terms = terms_of(model)
    fanin = np.zeros((0, 2), np.int32) if terms is None else terms.fanin
    read = fanin[fanin[:, 0] >= 0]
    _, readers = np.unique(read, return_counts=True)
    fan_out = np.bincount(netlist.fanin.reshape(-1), minlength=netlist.n_nodes)[2:]
    return {
        "gates": _log(netlist.n_gates),
        "levels": _log(netlist.depth),
        "inputs": _log(model.encoder.input_width),
        "terms": _log(len(fanin)),
        "classes": _log(0 if terms is None else terms.n_classes),
        "terms_of_gates": _share(len(read), len(fanin)),
        "leaf_sharing": _log(float(readers.mean()) if len(readers) else 0.0),
        "fan_out": _log(float(fan_out[fan_out > 0].mean()) if (fan_out > 0).any() else 0.0),
        "read_once": _share(int((fan_out == 1).sum()), int((fan_out > 0).sum())),
        "exclusive_or": _share(int(np.isin(netlist.table, (XOR, XNOR)).sum()), netlist.n_gates),
        "state": _log(netlist.n_state),
    }


def distance(one: Mapping[str, float], other: Mapping[str, float], scale: Features) -> float:
    """Euclidean, each feature in units of `scale`."""
    return float(np.sqrt(sum(((one[name] - other[name]) / scale[name]) ** 2 for name in scale)))


def _log(value: float) -> float:
    return round(float(np.log2(1 + value)), 4)


def _share(part: int, whole: int) -> float:
    return round(part / max(whole, 1), 4)
