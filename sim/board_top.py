"""What stands around the board's design in simulations: Verilog of a module with the pins of the
link, in which the flash is lgncc/sim/spi_flash.v, and in which nothing may change between two
clocks while it is read.

    clk, core_clk, rst, rx ─▶ lgncc_bench ─▶ tx, fault
"""

from __future__ import annotations

from pathlib import Path

from lgncc.errors import InputError
from lgncc.flow.program import FLASH_FILE
from lgncc.sim.job import FlashFacts

TOP = "lgncc_bench"
PORTS = ("clk", "core_clk", "rst", "rx", "tx", "fault")
FLASH_HEX = "flash.hex"
"""Of a simulator's working folder: what stands in the flash."""
WAKE_S = 3e-6
"""Of a flash that was asleep, until it may be read: the shortest time that datasheets have."""

FAULTS = {
    0x08: "the vector changed while the core's clock domain could read it",
    0x10: "the answer changed while the link's clock domain could read it",
    1: "the flash was selected while its clock was high",
    2: "the flash was read before it was awake",
    3: "the flash got a command that it does not know",
    4: "the flash and the FPGA both drove a data pin",
    5: "a bit of a command was not driven",
}
"""By the value of `fault`; the low three bits are of spi_flash.v."""

MODEL = Path(__file__).with_name("spi_flash.v")


def explain(fault: int) -> str | None:
    """What `fault` says, None where there is none."""
    found = [text for value, text in FAULTS.items() if value > 7 and fault & value]
    return "; ".join([*found, *([FAULTS[fault & 7]] if fault & 7 else [])]) or None


def board_top(clock_hz: int, core_hz: int | None, flash: FlashFacts | None) -> str:
    """The text, the flash's among it, to stand behind that of lgncc_board. clock_hz: of the link's
    clock; core_hz: of the core's own, if it has one."""
    pins = ["clk", "rst", "rx", "tx"]
    connected = [f".{name}({name})" for name in pins]
    body = ["  wire [2:0] flash_fault;", "  wire [1:0] crossing_fault;"]
    if core_hz:
        connected += [".core_clk(core_clk)", ".core_rst(core_rst[1])"]
        # As on the FPGA: at once, and gone with the clock.
        body += [
            "  reg [1:0] core_rst = 0;",
            "  always @(posedge core_clk or posedge rst)",
            "    if (rst) core_rst <= 3;",
            "    else core_rst <= {core_rst[0], 1'b0};",
        ]
        link, core = ("clk", "rst"), ("core_clk", "core_rst[1]")
        for index, (name, source, sink) in enumerate((("ask", link, core), ("answer", core, link))):
            body += _watched(name, source, sink)
            body.append(f"  assign crossing_fault[{index}] = {name}_changed;")
    else:
        body.append("  assign crossing_fault = 0;")
    text = ""
    if flash:
        wires = ("cs_n", "clk", "o", "oe", "i")
        connected += [f".flash_{name}(flash_{name})" for name in wires]
        octets = 1 << (flash.offset + flash.octets - 1).bit_length()
        wake = max(int(WAKE_S * (core_hz or clock_hz)), 1)
        clock = "core_clk" if core_hz else "clk"
        body += [
            "  wire flash_cs_n, flash_clk, flash_o, flash_oe;",
            "  wire [1:0] flash_i;",
            f"  spi_flash #(.OCTETS({octets}), .WAKE_CYCLES({wake})) flash(",
            f"    .clk({clock}), .cs_n(flash_cs_n), .sck(flash_clk), .io0(flash_o),",
            "    .io0_driven(flash_oe), .io(flash_i), .fault(flash_fault));",
        ]
        text = MODEL.read_text()
    else:
        body.append("  assign flash_fault = 0;")
    lines = [
        f"module {TOP}(input clk, input core_clk, input rst, input rx, output tx,",
        "  output [4:0] fault);",
        *body,
        "  assign fault = {crossing_fault, flash_fault};",
        f"  lgncc_board board({', '.join(connected)});",
        "endmodule",
    ]
    return "\n" + "\n".join(lines) + "\n" + text


def _watched(name: str, source: tuple[str, str], sink: tuple[str, str]) -> list[str]:
    """Whether the payload of a crossing ever changes between the edge of the source's clock that
    offers it and that of the sink's which takes it. Each domain is a clock and a reset."""
    (offers, reset), (takes, other_reset) = source, sink
    at = f"board.{name}."
    return [
        f"  reg {name}_seen = 0, {name}_offers = 0, {name}_takes = 0, {name}_changed = 0;",
        f"  always @(posedge {offers}) begin",
        f"    {name}_seen <= {at}i__valid & ~{at}i__ready & ~{reset};",
        f"    {name}_offers <= {name}_offers ^ ({at}i__valid & ~{name}_seen);",
        f"    if ({reset}) {name}_offers <= 0;",
        "  end",
        f"  always @(posedge {takes}) begin",
        f"    {name}_takes <= {name}_takes ^ ({at}o__valid & {at}o__ready);",
        f"    if ({other_reset}) {name}_takes <= 0;",
        "  end",
        f"  always @({at}i__payload)",
        f"    if ({name}_offers != {name}_takes && !{reset} && !{other_reset})",
        f"      {name}_changed = 1;",
    ]


def flash_hex(image: bytes, flash: FlashFacts) -> str:
    """For $readmemh. What it does not name is of no account: no design reads it."""
    return f"@{flash.offset:x}\n{image.hex(chr(10))}\n"


def programmed(build_dir: Path, flash: FlashFacts) -> bytes:
    """What `lgncc program` writes into the flash for the design, out of the file that it writes.

    Raises InputError where it is not in the folder.
    """
    alone = build_dir / FLASH_FILE
    if alone.is_file():
        image = alone.read_bytes()
    else:
        files = sorted(build_dir.glob("bitstream.*"))
        image = files[0].read_bytes()[flash.offset :] if files else b""
    if len(image) != flash.octets:
        raise InputError(
            f"{build_dir}: the design reads {flash.octets:,} bytes of flash, the build has "
            f"{len(image):,} for it"
        )
    return image
