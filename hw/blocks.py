"""Memories that stand in block RAM, where lgncc.placement and lgncc.forms count them."""

IN_BLOCKS = {"ram_style": "block"}
"""Attributes of such a memory. Without them yosys puts narrow ones into the LUTs of ECP5 and Gowin:
of a GW1NR-9, 1,400 nodes took 90 of 270 RAMs of 16 words, 570 logic cells more than in blocks."""
