"""Which LUTs of a mapped design are the encoder's, for the report's breakdown."""

from __future__ import annotations

import numpy as np

from lgncc.arrays import Bits
from lgncc.encoder import Encoder
from lgncc.netlist import Netlist

_NONE, _SEVERAL = -1, -2


def of_encoder(encoder: Encoder, network: Netlist) -> Bits:
    """bool (n_gates,): those that see one feature only, where the first inputs are the packed
    features. What ABC made of a comparator may hold a gate of the network as well."""
    if encoder.is_identity:
        return np.zeros(network.n_gates, np.bool_)
    feature = np.full(network.n_nodes, _SEVERAL, np.int64)
    feature[:2] = _NONE
    feature[2 : 2 + encoder.input_width] = np.repeat(np.arange(encoder.n_features), encoder.bits)
    for ids in network.by_level():
        seen = feature[network.fanin[ids - network.first_gate]]
        highest = seen.max(axis=1)
        lone = ((seen == highest[:, None]) | (seen == _NONE)).all(axis=1)
        feature[ids] = np.where(lone, highest, _SEVERAL)
    found: Bits = feature[network.first_gate :] >= 0
    return found
