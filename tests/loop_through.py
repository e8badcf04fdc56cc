"""Small board designs for tests of the flow, in the hierarchy of a real one."""

import random

from amaranth.hdl import Elaboratable, Instance, Module, Signal
from amaranth.lib.wiring import Component, In, Out

PREFIXES = {"shell.core.network": "network", "shell.core.encoder": "encoder"}


class Network(Elaboratable):
    """An external Verilog module behind registers, `width` bits in and out."""

    def __init__(self, width):
        self.x = Signal(width)
        self.y = Signal(width)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.fabric = Instance("fabric", i_x=self.x, o_y=self.y)
        return m


class Core(Elaboratable):
    """A network under a name that its parent also gives to a signal, so Amaranth renames it."""

    def __init__(self, width):
        self.width = width
        self.x = Signal(width)
        self.y = Signal(width)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.network = inner = Network(self.width)
        named_alike = Signal(self.width, name="network")
        m.d.comb += [inner.x.eq(self.x), named_alike.eq(inner.y)]
        m.d.sync += self.y.eq(named_alike)
        return m


class LoopThrough(Component):
    """rx to tx, a counter, and a network whose answer is mixed into tx."""

    rx: In(1)
    tx: Out(1)

    def __init__(self, width):
        self.width = width
        super().__init__()

    def elaborate(self, _platform):
        m = Module()
        counter = Signal(self.width)
        m.submodules.core = core = Core(self.width)
        shift = Signal(self.width)
        m.d.sync += [counter.eq(counter + 1), shift.eq((shift << 1) ^ core.y)]
        m.d.comb += [core.x.eq(counter), self.tx.eq(self.rx ^ shift[-1])]
        return m


def fabric(width, gates, seed=0):
    """Verilog of a random network: chains of `gates` xor-and steps over all inputs."""
    rng = random.Random(seed)
    wires = [f"x[{i}]" for i in range(width)]
    lines = [f"module fabric(input [{width - 1}:0] x, output [{width - 1}:0] y);"]
    for i in range(gates):
        a, b, c, d = rng.sample(wires[-4 * width :], 4)
        lines.append(f"  wire n{i} = {a} ^ ({b} & {c}) ^ {d};")
        wires.append(f"n{i}")
    outputs = [f"^{{{', '.join(wires[width + i :: width])}}}" for i in range(width)]
    lines += [f"  assign y[{i}] = {text};" for i, text in enumerate(outputs)]
    return "\n".join([*lines, "endmodule", ""])


def wide_fabric(width, gates, seed=0):
    """Verilog of two random layers of `gates` nodes each, every node a function of four bits."""
    rng = random.Random(seed)
    previous = [f"x[{i}]" for i in range(width)]
    lines = [f"module fabric(input [{width - 1}:0] x, output [{width - 1}:0] y);"]
    for layer in "ab":
        names = [f"{layer}{i}" for i in range(gates)]
        for name in names:
            a, b, c, d = rng.sample(previous, 4)
            lines.append(f"  wire {name} = {a} | ({b} & {c}) ^ {d};")
        previous = names
    lines += [f"  assign y[{i}] = ^{{{', '.join(previous[i::width])}}};" for i in range(width)]
    return "\n".join([*lines, "endmodule", ""])
