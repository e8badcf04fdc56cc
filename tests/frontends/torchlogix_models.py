"""Networks of torchlogix's own layers with random weights, and their forward pass as the judge.

Each network is read twice: its state dict, with a layer list where one is needed, and the module
pickled whole.
"""

import dataclasses

import numpy as np
import torch
from fuzz import same_model
from torchlogix_shim import torchlogix

from lgncc.frontends import GivenFacts, load
from lgncc.golden import predict

tl = torchlogix("torchlogix.layers")
ResidualLogicBlock = torchlogix("torchlogix.modules").ResidualLogicBlock
VECTORS = 10_000
BATCH = 2_000


def seeded(build, *args, **kwargs):
    """A module whose wiring and weights are random, but the same in each run."""
    torch.manual_seed(0)
    module = build(*args, **kwargs)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module.eval()


def sequential(*builders):
    return seeded(lambda: torch.nn.Sequential(*(build() for build in builders)))


def bits(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 2, (VECTORS, *shape), generator=generator).float()


def numbers(*shape):
    """Values of s8.4, most of which meet a threshold of the tests somewhere."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(-128, 128, (VECTORS, *shape), generator=generator).float() / 16


def read(path, model, layers=None, **given):
    """Both readings of a network, which must be the same one."""
    torch.save(model.state_dict(), path / "state.pt")
    if layers is not None:
        (path / "layers.toml").write_text(layers)
        given["layers"] = path / "layers.toml"
    facts = GivenFacts(**given)
    from_state = load(path / "state.pt", facts)
    torch.save(model, path / "module.pt")
    facts = dataclasses.replace(facts, layers=None, parametrization=None, trust_pickle=True)
    from_module = load(path / "module.pt", facts)
    assert same_model(from_state, from_module)
    return from_state


def assert_agrees(model, x, golden):
    with torch.no_grad():
        expected = torch.cat([model(batch) for batch in x.split(BATCH)]).flatten(1).numpy()
    answer = predict(golden, x.flatten(1).numpy())
    if golden.readout.kind == "bits":
        assert set(np.unique(expected)) == {0.0, 1.0}
        np.testing.assert_array_equal(answer.bits, expected)
        return
    assert len(np.unique(expected)) > 2
    scores = (answer.scores + golden.readout.beta) / golden.readout.tau
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    np.testing.assert_array_equal(answer.classes, expected.argmax(axis=1))


def dense(in_dim, out_dim, parametrization="raw", rank=2, **kwargs):
    return lambda: tl.LogicDense(
        in_dim, out_dim, parametrization=parametrization, lut_rank=rank, **kwargs
    )


GATES = [("raw", 2), *((name, rank) for name in ("light", "warp") for rank in (2, 4, 6))]


def conv_list(shape, parametrization, *layers):
    head = f'input_shape = {list(shape)}\nparametrization = "{parametrization}"\n'
    return head + "".join(f"[[layer]]\n{layer}\n" for layer in layers)


def pool(kind, *sizes):
    sizes = [list(size) if isinstance(size, tuple) else size for size in sizes]
    return 'kind = "{}"\nkernel_size = {}\nstride = {}\npadding = {}'.format(kind, *sizes)
