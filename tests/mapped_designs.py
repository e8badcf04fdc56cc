"""A slow, plain mapper of our own: MappedDesigns for the proofs to check, and a second opinion.

Python lists, one gate at a time: comparators, full adders, pair compressors (with the leaf gates
absorbed as ghosts where they can be) and an argmax by scanning. Nothing of lgncc.mapping but the
container is used.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
from plain_sums import Luts, Sums, look

from lgncc.mapping.design import PARTS, Compression, MappedDesign, NormalForm, Ragged


def map_plainly(model, rng, tie_to_last=False):
    """A MappedDesign of the model; rng decides which compressors are used where."""
    netlist, readout = model.netlist, model.readout
    first = 2 + model.encoder.input_width  # of a sequence, where there is state
    state = range(first + 1, first + 1 + netlist.n_state) if netlist.n_state else ()
    luts = Luts(model.encoder.input_width + bool(state) + len(state))
    sources = encode(luts, model.encoder)
    for node, reset in zip(state, netlist.reset.tolist(), strict=True):
        sources.append(luts.lut(lambda s, f, r=reset: r if f else s, node, first))
    luts.now = PARTS.index("network")

    last = set()  # gates that only the readout reads, of gates, may be absorbed
    if readout.kind != "bits":
        read = set(netlist.fanin.reshape(-1).tolist()) | set(netlist.next_state.tolist())
        last = {n for n in netlist.outputs[readout.output].tolist() if n >= netlist.first_gate}
        last = {n for n in last - read if rng.random() < 0.7}
    ids, leaf = [0, 1, *sources], {}
    for gate, (fanin, table) in enumerate(
        zip(netlist.fanin.tolist(), netlist.table.tolist(), strict=True)
    ):
        ghost = netlist.first_gate + gate in last
        a, b = (ids[f] for f in fanin)
        node = luts.lut(lambda x, y, t=table: look(t, x, y), a, b, ghost=ghost)
        ids.append(node)
        if ghost:
            leaf[node] = ([a, b], table)
    next_state = [ids[n] for n in netlist.next_state.tolist()]
    luts.now = PARTS.index("readout")
    if readout.kind == "bits":
        outputs = [ids[n] for n in netlist.outputs.tolist()]
        return finish(model, luts, outputs, next_state, None, None)
    form, leaves = normal_form(model)
    sums, constants, leaf_bits, words = Sums(luts, form.width, leaf), [], [], []
    columns = [[[] for _ in range(form.width)] for _ in range(readout.n_classes)]
    for node, inverted, klass, column in leaves:
        leaf_bits.append(sums.bit(klass, column, ids[node], int(inverted)))
        if column < form.width:
            columns[klass][column].append(leaf_bits[-1])
    for klass, constant in enumerate(form.constant.tolist()):
        for column in range(form.width):
            if constant >> column & 1:
                constants.append(sums.bit(klass, column, 1))
                columns[klass][column].append(constants[-1])
    for klass, column_bits in enumerate(columns):
        words.append(add_up(sums, klass, column_bits, rng))
    nodes = [[sums.node(b) if b >= 0 else 0 for b in word] for word in words]
    outputs = list(chain(*nodes)) if readout.kind == "scores" else argmax(luts, nodes, tie_to_last)
    return finish(model, luts, outputs, next_state, form, (sums, constants, leaf_bits, words))


def add_up(sums, klass, columns, rng):
    """Compress each column to one bit; the bits of the word."""
    word = []
    for column, bits in enumerate(columns):
        queue = list(bits)

        def push(outputs, queue=queue, column=column):
            queue.append(outputs[0])
            if column + 1 < sums.width:
                columns[column + 1].extend(outputs[1:])

        while len(queue) > 1:
            plain = [b for b in queue if sums.bits[b][1] == 0 and sums.bits[b][0] > 1]
            n_pairs = int(rng.integers(1, 4))
            if len(queue) > 2 * n_pairs and len(plain) >= 2 * n_pairs and rng.random() < 0.8:
                taken, pairs = plain[: 2 * n_pairs], []
                for x, y in zip(taken[::2], taken[1::2], strict=True):
                    queue.remove(x)
                    queue.remove(y)
                    pairs.append(pair(sums, x, y, klass, column, rng))
                candidates = [b for b in queue if sums.bits[b][0] >= 0]
                if not candidates:
                    candidates = [make_real(sums, queue[0], klass, column, queue)]
                z = candidates[0]
                queue.remove(z)
                push(sums.compressor(z, pairs, klass, column))
                continue
            taken = [queue.pop(0) for _ in range(min(3, len(queue)))]
            for i, bit in enumerate(taken):
                if sums.bits[bit][0] < 0:
                    taken[i] = make_real(sums, bit, klass, column, taken)
            push(sums.full_adder(taken, klass, column))
        word.append(queue[0] if queue else -1)
    return word


def pair(sums, x, y, klass, column, rng):
    """The bits x and y as a pair: straight, or made into one by a block of its own."""
    a, b = sums.bits[x][0], sums.bits[y][0]
    if a >= 0 > b:
        x, y, a, b = y, x, b, a
    if a < 0 <= b:  # a ghost and a real node: make the ghost's bit plain
        x = make_real(sums, x, klass, column, None)
        a = sums.bits[x][0]
    p = sums.pair_of(a, b)
    fresh = [p] + [n for n in (a, b) if n < 0]
    if rng.random() < 0.5:
        return x, y, p, fresh
    again = [sums.bit(klass, column, a), sums.bit(klass, column, a, p)]
    sums.block([x, y], again, fresh)
    return *again, p, [n for n in fresh if n < 0]


def make_real(sums, bit, klass, column, queue):
    """A block that turns a ghost's bit into that of a LUT; replaces it in the queue."""
    ghost, flip = sums.bits[bit][:2]
    node = sums.absorbed(ghost, flip)
    made = sums.bit(klass, column, node)
    sums.block([bit], [made], [ghost, node])
    if queue is not None:
        queue[queue.index(bit)] = made
    return made


def normal_form(model):
    """Words by the definition: |weight| in binary, negative weights as complements."""
    readout = model.readout
    outputs = model.netlist.outputs.tolist()
    constant, leaves = [int(b) for b in readout.bias], []
    terms = zip(
        readout.output.tolist(), readout.klass.tolist(), readout.weight.tolist(), strict=True
    )
    for position, klass, weight in terms:
        node = outputs[position]
        if node < 2:
            constant[klass] += weight * node
            continue
        constant[klass] += min(weight, 0)
        for column in range(abs(weight).bit_length()):
            if abs(weight) >> column & 1:
                leaves.append((node, weight < 0, klass, column))
    if readout.kind == "scores":
        low, high = readout.score_range
        # Two's complement where a score may be negative.
        width = max(high, ~low).bit_length() + 1 if low < 0 else max(1, high.bit_length())
        constant = [c % (1 << width) for c in constant]
    else:
        lowest = min(constant)
        constant = [c - lowest for c in constant]
        most = [c + sum(1 << t[3] for t in leaves if t[2] == k) for k, c in enumerate(constant)]
        width = max(1, max(most).bit_length())
    columns = list(zip(*leaves, strict=True)) if leaves else [[], [], [], []]
    return NormalForm(*columns, constant=constant, width=width), leaves


def encode(luts, encoder):
    """A comparator a network input, from the highest bit down: above, or equal so far."""
    first = np.cumsum(encoder.bits) - encoder.bits
    nodes = []
    for feature, threshold in zip(
        encoder.feature.tolist(), encoder.threshold.tolist(), strict=True
    ):
        bits, sign = int(encoder.bits[feature]), bool(encoder.signed[feature])
        offset = threshold + (1 << bits - 1) if sign else threshold
        above, equal = (1, 0) if offset < 0 else (0, 1)
        for position in reversed(range(bits)):
            x = 2 + int(first[feature]) + position
            flip = int(sign and position == bits - 1)
            t = (offset >> position & 1) ^ flip  # what the bit itself is compared with
            if t == flip:  # a 0 of the threshold: above where the bit is 1
                above = luts.lut(lambda a, e, v, f=flip: a | (e & (v ^ f)), above, equal, x)
            equal = luts.lut(lambda e, v, t=t: e & (v == t), equal, x)
        nodes.append(above)
    return nodes


def argmax(luts, words, tie_to_last=False):
    """Scan the classes; a later one must be larger to win."""
    n_index = max(1, (len(words) - 1).bit_length())
    best, index = words[0], [0] * n_index
    for klass, word in enumerate(words[1:], start=1):
        larger = int(tie_to_last)
        for a, b in zip(word, best, strict=True):
            larger = luts.lut(lambda x, y, g: (x > y) or (x == y and g), a, b, larger)
        both = zip(word, best, strict=True)
        best = [luts.lut(lambda g, x, y: x if g else y, larger, a, b) for a, b in both]
        index = [
            luts.lut(lambda g, i, k=klass, n=n: (k >> n & 1) if g else i, larger, i)
            for n, i in enumerate(index)
        ]
    return index


def finish(model, luts, outputs, next_state, form, parts):
    n_inputs = model.encoder.input_width + bool(next_state)
    arguments = (n_inputs, outputs, next_state, model.netlist.reset)
    netlist = luts.netlist(luts.real, *arguments)
    compression = None
    if parts is not None:
        sums, constants, leaf_bits, words = parts
        rows = [(luts.final(a), luts.final(b), k, c) for a, b, k, c in sums.bits]
        array = np.array(rows, np.int32).reshape(-1, 4)
        gates = [[luts.final(g) for g in gates] for _, _, gates in sums.blocks]
        compression = Compression(
            extended=luts.netlist(luts.real + luts.ghosts, *arguments),
            nodes=array[:, :2],
            klass=array[:, 2],
            column=array[:, 3],
            leaf=np.array(leaf_bits, np.int32),
            constants=np.array(constants, np.int32),
            inputs=ragged([inputs for inputs, _, _ in sums.blocks]),
            outputs=ragged([outputs for _, outputs, _ in sums.blocks]),
            gates=ragged(gates),
            word=np.array(words, np.int32).reshape(-1, form.width),
        )
    return MappedDesign(model, netlist, luts.part, form, compression)


def ragged(lists):
    start = np.cumsum([0, *map(len, lists)])
    return Ragged(start, np.array([*chain(*lists)], np.int32))
