"""State dicts of torch_dwn, and a restatement of its forward pass.

Its CUDA extension does not build here. Restated from alanbacellar/DWN: the address of a node has
input l as bit l, a node is 1 where its entry is above 0, a learnable mapping is the argmax over
inputs, GroupSum permutes, pads with zeros and sums contiguous groups.
"""

import numpy as np
import torch

from lgncc.frontends import dwn
from lgncc.frontends.source import GivenFacts, Source


def layer(rng, n_in, n_out, n, learnable=False):
    """Tensors of one LUTLayer, named as in its state dict."""
    luts = torch.rand(n_out, 2**n, generator=rng) * 2 - 1
    if learnable:
        weights = torch.rand(n_in, n_out * n, generator=rng)
        dummy = torch.arange(n_out * n).reshape(n_out, n).int()
        return {"luts": luts, "_LUTLayer__dummy_mapping": dummy, "mapping.weights": weights}
    mapping = torch.randint(0, n_in, (n_out, n), generator=rng, dtype=torch.int32)
    return {"luts": luts, "mapping": mapping}


def sequential(*layers):
    return {f"{i}.{key}": value for i, part in enumerate(layers) for key, value in part.items()}


def forward(state, bits):
    """Output bits, lists of 0 and 1, of each sample of bits."""
    names = sorted({key.split(".")[0] for key in state}, key=int)
    answers = []
    for sample in bits:
        signal = [int(bit) for bit in sample]
        for name in names:
            luts = state[f"{name}.luts"]
            if f"{name}.mapping" in state:
                wires = state[f"{name}.mapping"].tolist()
            else:
                chosen = [int(torch.argmax(col)) for col in state[f"{name}.mapping.weights"].T]
                n = len(bin(luts.shape[1])) - 3
                wires = [chosen[i : i + n] for i in range(0, len(chosen), n)]
            signal = [
                1
                if float(luts[j][sum(signal[wire] << slot for slot, wire in enumerate(row))]) > 0
                else 0
                for j, row in enumerate(wires)
            ]
        answers.append(signal)
    return answers


def group_sum(rows, k, randperm=None):
    x = torch.tensor(rows, dtype=torch.float32)
    if randperm is not None:
        x = x[:, randperm]
    if x.shape[-1] % k:
        x = torch.nn.functional.pad(x, (0, k - x.shape[-1] % k))
    return x.reshape(len(x), k, -1).sum(-1).int().tolist()


def save(content, tmp_path):
    path = tmp_path / "dwn.pt"
    torch.save(content, path)
    return path


def read(content, tmp_path, **facts):
    return dwn.read(Source(save(content, tmp_path)), GivenFacts(**facts))


def npz(tmp_path, **arrays):
    path = tmp_path / "given.npz"
    np.savez(path, **arrays)
    return path


def bits_of(n, seed=0, samples=70):
    return np.random.default_rng(seed).integers(0, 2, (samples, n))


NONE = {"randperm": dwn.Path("none")}


def binarize(x, thresholds):
    """torch_dwn: x.unsqueeze(-1) > thresholds, then flattened."""
    return (torch.tensor(x).unsqueeze(-1) > thresholds).flatten(1).int().tolist()
