"""Ledger: the books of a readout under construction, which become its Compression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lgncc.arrays import Ids
from lgncc.mapping.design import Compression, Ragged
from lgncc.mapping.luts import absorb_complements, widen
from lgncc.netlist import Netlist


class Ledger:
    """Logical bits, blocks and ghosts, one after the other. A ghost's node is -1 - its index
    until the LUTs are complete."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, int]] = []
        self._klass: list[int] = []
        self._column: list[int] = []
        self._inputs: list[Sequence[int]] = []
        self._outputs: list[Sequence[int]] = []
        self._gates: list[Sequence[int]] = []
        self._ghost_tables: list[int] = []
        self._ghost_fanins: list[Sequence[int]] = []

    def bit(self, first: int, second: int, klass: int, column: int) -> int:
        """A logical bit, the exclusive or of two nodes; returns its number."""
        self._nodes.append((first, second))
        self._klass.append(klass)
        self._column.append(column)
        return len(self._nodes) - 1

    def ghost(self, table: int, literals: Sequence[int]) -> int:
        """A gate that is absorbed; returns its node."""
        self._ghost_tables.append(table)
        self._ghost_fanins.append(literals)
        return -len(self._ghost_tables)

    def block(self, inputs: Sequence[int], outputs: Sequence[int], gates: Sequence[int]) -> None:
        self._inputs.append(inputs)
        self._outputs.append(outputs)
        self._gates.append(gates)

    def close(self, luts: Netlist, leaf: Ids, constants: Sequence[int], word: Ids) -> Compression:
        """The certificate; `luts` is the complete design."""
        first, extended = luts.n_nodes, luts
        if self._ghost_tables:
            count = np.array([len(fanin) for fanin in self._ghost_fanins])
            literal = np.zeros((len(count), luts.k), np.int64)
            literal[np.arange(luts.k) < count[:, None]] = _flat(self._ghost_fanins)
            table = widen(np.array(self._ghost_tables, np.uint64), count, luts.k)
            fanin, table = absorb_complements(literal, table)
            extended = Netlist(
                n_inputs=luts.n_inputs,
                fanin=np.concatenate([luts.fanin, fanin]),
                table=np.concatenate([luts.table, table]),
                outputs=luts.outputs,
                next_state=luts.next_state,
                reset=luts.reset,
                input_names=luts.input_names,
                output_names=luts.output_names,
            )

        def final(node: Ids) -> Ids:
            return np.where(node < 0, first - 1 - node, node).astype(np.int32)

        gates = _ragged(self._gates)
        return Compression(
            extended=extended,
            nodes=final(np.array(self._nodes, np.int32).reshape(-1, 2)),
            klass=np.array(self._klass, np.int32),
            column=np.array(self._column, np.int32),
            leaf=leaf,
            constants=np.array(constants, np.int32),
            inputs=_ragged(self._inputs),
            outputs=_ragged(self._outputs),
            gates=Ragged(gates.start, final(gates.values)),
            word=word,
        )


def _flat(lists: Iterable[Sequence[int]]) -> Ids:
    return np.fromiter((value for one in lists for value in one), np.int32)


def _ragged(lists: list[Sequence[int]]) -> Ragged:
    start = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(one) for one in lists], out=start[1:])
    return Ragged(start, _flat(lists))
