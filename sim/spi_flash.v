// A serial flash at its pins, written from the datasheets of Winbond's W25Q series and its kind, and
// from nothing of the design that reads it: commands, edges and the sleep that the FPGA's loader may
// leave it in. Times are counted in cycles of `clk`; delays of the pins are not modelled.
module spi_flash #(
  parameter integer OCTETS = 1,       // of memory, a power of two
  parameter integer WAKE_CYCLES = 1   // tRES1
) (
  input clk,
  input cs_n,
  input sck,
  input io0,
  input io0_driven,    // by the FPGA
  output [1:0] io,     // levels of both data pins
  output reg [2:0] fault
);
  localparam [2:0] CLOCK_HIGH = 1, ASLEEP = 2, UNKNOWN = 3, CONTENTION = 4, FLOATING = 5;
  localparam [7:0] READ = 8'h03, FAST = 8'h0b, DUAL = 8'h3b, RELEASE = 8'hab, POWER_DOWN = 8'hb9;

  reg [7:0] memory [0:OCTETS - 1];
  reg [8 * 1024 - 1:0] path;
  initial begin
    if (!$value$plusargs("flash=%s", path)) path = "flash.hex";
    $readmemh(path, memory);
  end

  // Of the command under way: pulses so far, and what came in them.
  reg [5:0] pulses = 0;
  reg [7:0] command = 0;
  reg [23:0] address = 0;
  reg asleep = 1;
  reg [31:0] cycles = 0, woken = 0;
  wire waking = cycles - woken < WAKE_CYCLES;
  always @(posedge clk) cycles <= cycles + 1;

  initial fault = 0;
  always @(negedge cs_n) if (sck && fault == 0) fault = CLOCK_HIGH;

  always @(posedge sck or posedge cs_n)
    if (cs_n) begin
      if (pulses >= 8 && command == RELEASE) begin
        asleep <= 0;
        if (asleep) woken <= cycles;
      end
      if (pulses == 8 && command == POWER_DOWN) asleep <= 1;
      pulses <= 0;
    end else begin
      if (pulses < 8) command <= {command[6:0], io0};
      else if (pulses < 32) address <= {address[22:0], io0};
      if (pulses < 40) pulses <= pulses + 1;
      if (pulses < 32 && !io0_driven && fault == 0) fault = FLOATING;
      if (pulses == 8 && fault == 0) begin
        if (command != RELEASE && (asleep || waking)) fault = ASLEEP;
        if (!(command inside {READ, FAST, DUAL, RELEASE})) fault = UNKNOWN;
      end
    end

  wire reading = !asleep && (command == READ && pulses >= 32 ||
                             (command == FAST || command == DUAL) && pulses == 40);
  reg [31:0] bits = 0;  // shown before, the highest of an octet first
  reg [1:0] shown = 3;
  reg drives = 0, drives_both = 0;
  wire [31:0] at = address + (bits >> 3);
  wire [7:0] octet = memory[at % OCTETS];
  always @(negedge sck or posedge cs_n)
    if (cs_n) begin
      bits <= 0;
      {drives, drives_both} <= 0;
    end else if (reading) begin
      {drives, drives_both} <= {1'b1, command == DUAL};
      shown <= command == DUAL ? {octet[7 - bits[2:0]], octet[6 - bits[2:0]]}
                               : {octet[7 - bits[2:0]], 1'b1};
      bits <= bits + (command == DUAL ? 2 : 1);
    end
  // Both pins are pulled up.
  assign io = {drives ? shown[1] : 1'b1,
               drives_both ? shown[0] : io0_driven ? io0 : 1'b1};
  always @(posedge clk) if (drives_both && io0_driven && !cs_n && fault == 0) fault = CONTENTION;
endmodule
