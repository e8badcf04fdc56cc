"""What an FPGA family decides; the steps, which are the same for all, are in `lgncc.flow.build`.

A family's module (`ice40`, `ecp5`, `gowin`) holds one `FAMILY`: names of tools, files and cells,
and the few command lines that depend on the board.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgncc.boards import Board
from lgncc.flow.pll import PllCell
from lgncc.flow.result import Usage

Command = Callable[[Board], str]
"""A command line for a board, its words divided by blanks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`nextpnr` and `packer` are names of `tools.REQUIREMENTS`.

    `synthesis` is yosys's command without its -top; `route` and `pack` are arguments, which name
    the files `top.json` (the netlist), `constraints`, `routed` and `bitstream`.
    """

    nextpnr: str
    packer: str
    synthesis: Command
    route: Command
    pack: Command
    constraints: str
    routed: str
    bitstream: str

    pll: PllCell

    lut: str
    """What the types of LUTs begin with in the synthesized netlist."""

    needs: Mapping[str, tuple[Mapping[str, int], ...]]
    """What the synthesized netlist takes of a resource at the least: the largest of some sums, each
    of the cells whose type begins alike, with how many of the resource one cell takes."""

    logic_types: tuple[str, ...]
    """Types of the placed cells that each take one logic cell."""

    logic_resources: tuple[str, ...] = ()
    """Resources, counted apart by nextpnr, that take the place of a logic cell, too."""

    rips_up: bool = True
    """Whether the router can take up slow wires again (`--tmg-ripup`)."""

    spreads: bool = False
    """Whether nextpnr routes what it placed in another run, and what `nextpnr.place_and_route` does
    with that was seen to help."""

    def usage(self, board: Board, counts: Mapping[str, int]) -> dict[str, Usage]:
        """What a synthesized netlist with `counts` cells by type needs at the least."""

        def total(cells: Mapping[str, int]) -> int:
            return sum(
                each * count
                for start, each in cells.items()
                for cell, count in counts.items()
                if cell.startswith(start)
            )

        return {
            resource: Usage(max(map(total, sums)), board.capacity.get(resource, 0))
            for resource, sums in self.needs.items()
        }
