"""PruneInputs: only the thermometer bits that the network reads, each of them once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lgncc.encoder import Encoder
from lgncc.model import LogicModel


@dataclass(frozen=True)
class PruneInputs:
    """LogicModel to LogicModel: unread network inputs go, with their comparators.

    Bits of one feature and one threshold become one input. Features stay, read or not:
    the input vector is the model's interface. Exact, because equal comparisons are
    equal bits.
    """

    name = "inputs"

    def apply(self, model: LogicModel) -> LogicModel:
        encoder, netlist = model.encoder, model.netlist
        if encoder.is_identity:
            return model
        read = np.zeros(netlist.n_nodes, np.bool_)
        read[netlist.fanin] = True
        read[netlist.roots] = True
        used = np.flatnonzero(read[2 : netlist.first_state])
        comparison = np.stack([encoder.feature[used], encoder.threshold[used]], axis=1)
        kept, same = np.unique(comparison, axis=0, return_inverse=True)

        renamed = np.zeros(netlist.n_nodes, np.int32)
        renamed[1] = 1
        renamed[2 + used] = 2 + same.reshape(-1)
        shift = netlist.n_inputs - len(kept)
        renamed[netlist.first_state :] = np.arange(netlist.first_state, netlist.n_nodes) - shift
        return replace(
            model,
            encoder=Encoder(
                bits=encoder.bits,
                signed=encoder.signed,
                fraction=encoder.fraction,
                feature=kept[:, 0].astype(np.int32),
                threshold=kept[:, 1],
            ),
            netlist=replace(
                netlist,
                n_inputs=len(kept),
                fanin=renamed[netlist.fanin],
                outputs=renamed[netlist.outputs],
                next_state=renamed[netlist.next_state],
                input_names=(),
            ),
        )
