"""Verilog text as the frontend reads it."""

import numpy as np

from lgncc.frontends import verilog
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict

ADDER = """// a two-bit adder
module half(input a, b, output s, c);
  xor g0(s, a, b);
  and g1(c, a, b);
endmodule
module top(input [1:0] x, y, output [2:0] sum);
  wire c0, t, c1, c2;
  half h0(x[0], y[0], sum[0], c0);
  half h1(.a(x[1]), .b(y[1]), .s(t), .c(c1));
  half h2(.a(t), .b(c0), .s(sum[1]), .c(c2));
  assign sum[2] = c1 | c2;
endmodule
"""
COUNTER = """module count(input clk, input up, output [1:0] q);
  reg [1:0] q = 2'b10;
  always @(posedge clk) if (up) q <= q + 1;
endmodule
"""


def read(text, tmp_path, **facts):
    path = tmp_path / "net.v"
    path.write_text(text)
    return verilog.read(Source(path), GivenFacts(**facts))


def truth(model):
    """The outputs as integers, output 0 lowest, over all inputs counted from 0."""
    n = model.netlist.n_inputs
    x = np.arange(1 << n)[:, None] >> np.arange(n) & 1
    bits = predict(model, x).bits
    return (bits * (1 << np.arange(bits.shape[1]))).sum(axis=1).tolist()
