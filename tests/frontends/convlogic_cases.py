"""State dicts of convlogic's layers, and a place-by-place restatement of their evaluation.

Restated from lkorinek/convlogic (not on PyPI): a kernel's eight inputs are unpacked from
`selection`, a place outside of the image is 0, complete layers end in a 2x2 maximum, and
thresholds are stacked as channels, the first threshold's first.
"""

import numpy as np
import torch

from lgncc.frontends import convlogic
from lgncc.frontends.source import GivenFacts, Source
from lgncc.golden import predict

TRUTH = [f"{number:04b}" for number in range(16)]
"""The published table counts up: its columns are AB = 00, 01, 10, 11."""


def gate(number, a, b):
    return int(TRUTH[number][2 * a + b])


def conv(image, tensors, kernel, stride, padding):
    """image[c][y][x] of bits to the same, after trees and pool if the layer is complete."""
    kinds = tensors["weights"].argmax(-1).tolist()
    h, w = len(image[0]), len(image[0][0])
    rows = (h + 2 * padding - kernel) // stride + 1
    columns = (w + 2 * padding - kernel) // stride + 1

    def read(packed, y, x):
        packed = packed % 2**32
        channel, row, column = packed // 65536, packed // 256 % 256, packed % 256
        y, x = y * stride + row - padding, x * stride + column - padding
        return image[channel][y][x] if 0 <= y < h and 0 <= x < w else 0

    result = []
    for number, packed in zip(kinds, tensors["selection"].tolist(), strict=True):
        plane = []
        for y in range(rows):
            line = []
            for x in range(columns):
                a, b, c, d, e, f, g, i = (read(place, y, x) for place in packed)
                leaves = [
                    gate(n, *pair)
                    for n, pair in zip(number[:4], ((a, b), (c, d), (e, f), (g, i)), strict=True)
                ]
                if len(number) == 4:
                    line.append(leaves)
                    continue
                left = gate(number[4], leaves[0], leaves[1])
                right = gate(number[5], leaves[2], leaves[3])
                line.append(gate(number[6], left, right))
            plane.append(line)
        result.append(pool(plane, 2, 2) if len(number) == 7 else plane)
    return result


def pool(plane, size, stride):
    rows, columns = (len(plane) - size) // stride + 1, (len(plane[0]) - size) // stride + 1
    near = range(size)
    return [
        [
            max(plane[y * stride + i][x * stride + j] for i in near for j in near)
            for x in range(columns)
        ]
        for y in range(rows)
    ]


def dense(bits, tensors):
    kinds = tensors["weights"].argmax(-1).tolist()
    wires = zip(tensors["indices_0"].tolist(), tensors["indices_1"].tolist(), strict=True)
    return [gate(n, bits[a], bits[b]) for n, (a, b) in zip(kinds, wires, strict=True)]


def flatten(value):
    return [bit for part in value for bit in flatten(part)] if isinstance(value, list) else [value]


def conv_tensors(rng, channels, out, kernel, gates=7):
    places = [torch.randint(0, n, (out, 8), generator=rng) for n in (channels, kernel, kernel)]
    selection = (places[0] << 16 | places[1] << 8 | places[2]).to(torch.int32)
    return {"weights": torch.randn(out, gates, 16, generator=rng), "selection": selection}


def dense_tensors(rng, n_in, out, cuda=False):
    wires = [torch.randint(0, n_in, (out,), generator=rng) for _ in range(2)]
    tensors = {
        "weights": torch.randn(out, 16, generator=rng),
        "indices_0": wires[0],
        "indices_1": wires[1],
    }
    if cuda:
        tensors["given_x_indices_of_y_start"] = torch.zeros(n_in + 1, dtype=torch.int64)
        tensors["given_x_indices_of_y"] = torch.zeros(2 * out, dtype=torch.int64)
    return tensors


def network(*layers, prefix="", skip=()):
    """A state dict; numbers of layers without tensors are skipped, as in a Sequential."""
    numbers = [n for n in range(99) if n not in skip]
    return {
        f"{prefix}{number}.{key}": value
        for number, tensors in zip(numbers, layers, strict=False)
        for key, value in tensors.items()
    }


def toml(tmp_path, *tables):
    path = tmp_path / "layers.toml"
    lines = []
    for table in tables:
        quoted = {key: f'"{v}"' if isinstance(v, str) else v for key, v in table.items()}
        lines += ["[[layer]]", *(f"{key} = {value}" for key, value in quoted.items())]
    path.write_text("\n".join(lines))
    return path


def conv_entry(kernel=3, stride=1, padding=1):
    return {"kind": "conv", "kernel": kernel, "stride": stride, "padding": padding}


def read(content, tmp_path, **facts):
    path = tmp_path / "conv.pt"
    torch.save(content, path)
    return convlogic.read(Source(path), GivenFacts(**facts))


def images(shape, samples=8, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (samples, *shape))


def answers(model, x):
    return predict(model, x.reshape(len(x), -1)).bits.astype(int).tolist()


def place(channel, row, column):
    return channel << 16 | row << 8 | column


def wires(*places, gates=7):
    """A layer that passes on its first input: gate 3 (A) everywhere."""
    weights = torch.zeros(1, gates, 16)
    weights[..., 3] = 1.0
    return {"weights": weights, "selection": torch.tensor([places], dtype=torch.int32)}
