"""Reverse Derivative Ascent: the derivative by its definition, the rule, what it learns."""

import itertools

import numpy as np
import pytest
from polynomials import Polynomial

from lgncc import frontends, golden
from lgncc.encoder import Encoder
from lgncc.errors import InputError
from lgncc.golden import pack, unpack
from lgncc.model import Readout
from lgncc.nn import rda
from lgncc.passes.pipeline import choose_pipeline, optimize
from lgncc.storage import save_model


def every(n):
    """All inputs of n bits: bool (2**n, n), input 0 counting fastest."""
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)


def randomized(circuit, draws):
    layers = tuple(
        rda.Layer(layer.inputs, draws.integers(2, size=layer.parameters.shape).astype(bool))
        for layer in circuit.layers
    )
    return rda.Circuit(circuit.n_inputs, layers)


def evaluate(tables, wiring, inputs):
    """One sample, a table at a time: the bits of every layer."""
    bits = list(inputs)
    for layer_tables, layer_wiring in zip(tables, wiring, strict=True):
        bits = [
            int(table[sum(bits[source] << place for place, source in enumerate(sources))])
            for table, sources in zip(layer_tables, layer_wiring, strict=True)
        ]
    return bits


def plain(circuit):
    """(tables, wiring) of a circuit as lists."""
    return (
        [layer.parameters.astype(int).tolist() for layer in circuit.layers],
        [layer.inputs.T.tolist() for layer in circuit.layers],
    )


def derivative(circuit, inputs, dy):
    """R[f] of one sample: (dx, the changes of each layer's parameters) as lists."""
    dx, changes = rda.reverse_derivative(
        circuit, pack(np.array([inputs], bool)), pack(np.array([dy], bool))
    )
    return (dx[:, 0] & 1).tolist(), [(words[..., 0] & 1).tolist() for words in changes]


@pytest.mark.parametrize(("n", "widths", "k"), [(3, (4, 3), 1), (4, (5, 3), 2), (5, (4, 2), 3)])
def test_forward_pass_looks_up_every_table(n, widths, k):
    circuit = randomized(
        rda.random_circuit(n, widths, k, np.random.default_rng(0)), np.random.default_rng(1)
    )
    tables, wiring = plain(circuit)
    answers = rda.predict(circuit, every(n)).astype(int).tolist()
    assert answers == [evaluate(tables, wiring, x) for x in every(n).astype(int).tolist()]


def test_reverse_derivative_of_a_tree_is_the_difference_that_a_flip_makes():
    """Where no bit is read twice, R[f] is what the flip of each bit does, by brute force."""
    layers = (rda.Layer(np.array([[0, 2], [1, 3]], np.int32), np.zeros((2, 4), bool)),)
    layers += (rda.Layer(np.array([[1], [0]], np.int32), np.zeros((1, 4), bool)),)
    for seed in range(20):
        circuit = randomized(rda.Circuit(4, layers), np.random.default_rng(seed))
        tables, wiring = plain(circuit)
        for x in every(4).astype(int).tolist():
            base = evaluate(tables, wiring, x)[0]
            dx, changes = derivative(circuit, x, [1])
            for i in range(4):
                flipped = [bit ^ (place == i) for place, bit in enumerate(x)]
                assert dx[i] == base ^ evaluate(tables, wiring, flipped)[0]
            for layer, node, row in ((0, 0, 1), (0, 1, 2), (0, 0, 3), (1, 0, 0), (1, 0, 3)):
                tables[layer][node][row] ^= 1
                assert changes[layer][node][row] == base ^ evaluate(tables, wiring, x)[0]
                tables[layer][node][row] ^= 1
            assert derivative(circuit, x, [0]) == ([0] * 4, [[[0] * 4] * 2, [[0] * 4]])


@pytest.mark.parametrize("seed", range(3))
def test_reverse_derivative_is_that_of_the_polynomial(seed):
    """Inputs read many times: the formal derivative over Z2 of the expanded polynomial."""
    draws = np.random.default_rng(seed)
    circuit = randomized(rda.random_circuit(3, (3, 2), 2, draws), draws)
    variables = [Polynomial.variable(("x", i)) for i in range(3)]
    for index, layer in enumerate(circuit.layers):
        answers = []
        for node, sources in enumerate(layer.inputs.T):
            total = Polynomial()
            for row in range(4):
                term = Polynomial.variable(("p", index, node, row))
                for place, source in enumerate(sources):
                    bit = row >> place & 1
                    term *= variables[source] if bit else variables[source] + Polynomial.one()
                total += term
            answers.append(total)
        variables = answers
    values = {
        ("p", index, node, row): int(layer.parameters[node, row])
        for index, layer in enumerate(circuit.layers)
        for node, row in itertools.product(range(layer.inputs.shape[1]), range(4))
    }
    for x in every(3).astype(int).tolist():
        values |= {("x", i): bit for i, bit in enumerate(x)}
        for dy in ([1, 0], [0, 1], [1, 1]):
            dx, changes = derivative(circuit, x, dy)
            for name in values:
                expected = 0
                for output, wanted in zip(variables, dy, strict=True):
                    expected ^= wanted & output.derivative(name).value(values)
                found = dx[name[1]] if name[0] == "x" else changes[name[1]][name[2]][name[3]]
                assert found == expected, name


def test_one_sample_is_the_rule_of_the_paper():
    """p <- p + R[f](x, p, y + f(x, p))."""
    draws = np.random.default_rng(2)
    circuit = randomized(rda.random_circuit(5, (6, 3), 2, draws), draws)
    tables, wiring = plain(circuit)
    for x, y in zip(every(5)[::3], draws.integers(2, size=(11, 3)).astype(bool), strict=True):
        learned = rda.step(circuit, pack(x[None]), pack(y[None]), 1)
        wrong = [a ^ b for a, b in zip(evaluate(tables, wiring, x.astype(int)), y, strict=True)]
        _, changes = derivative(circuit, x, wrong)
        for layer, after, change in zip(circuit.layers, learned.layers, changes, strict=True):
            assert ((layer.parameters ^ after.parameters) == np.array(change, bool)).all()


def test_samples_of_a_word_do_not_mix():
    draws = np.random.default_rng(4)
    circuit = randomized(rda.random_circuit(6, (8, 4), 3, draws), draws)
    x, dy = (draws.integers(2, size=(70, n)).astype(bool) for n in (6, 4))
    dx, changes = rda.reverse_derivative(circuit, pack(x), pack(dy))
    together = unpack(dx, 70), [unpack(words.reshape(-1, 2), 70) for words in changes]
    for sample in (0, 1, 63, 64, 69):
        alone = derivative(circuit, x[sample], dy[sample])
        assert together[0][sample].astype(int).tolist() == alone[0]
        for all_samples, one in zip(together[1], alone[1], strict=True):
            assert all_samples[sample].astype(int).tolist() == np.ravel(one).tolist()


def test_one_table_learns_any_function_in_one_pass():
    """The paper's `eval` model: an entry for every input."""
    x = every(5)
    y = np.random.default_rng(0).integers(2, size=(32, 2)).astype(bool)
    start = rda.random_circuit(5, (2,), 5, np.random.default_rng(1))
    for batch in (1, 7, 32):
        training = rda.Training(epochs=1, batch=batch)
        learned = rda.train(start, x, y, training, np.random.default_rng(2))
        assert (rda.predict(learned, x) == y).all()


@pytest.mark.parametrize("batch", [1, 75])
def test_iris_with_the_papers_model(batch):
    """Four features binarized at half their range, one table a class, one pass.

    By the paper's rule an entry ends as the last sample with its inputs said; by a vote of
    the whole half, as most of them say.
    """
    iris = pytest.importorskip("sklearn.datasets").load_iris()
    low, high = iris.data.min(axis=0), iris.data.max(axis=0)
    x = (iris.data - low) / (high - low) > 0.5
    y = iris.target[:, None] == np.arange(3)
    reads = np.arange(4, dtype=np.int32)[:, None].repeat(3, 1)
    circuit = rda.Circuit(4, (rda.Layer(reads, np.zeros((3, 16), bool)),))
    train = np.arange(150) % 50 < 25
    training = rda.Training(1, batch)
    learned = rda.train(circuit, x[train], y[train], training, np.random.default_rng(0))
    order = np.random.default_rng(0).permutation(75)
    said = {}
    for inputs, label in zip(x[train][order].tolist(), y[train][order].tolist(), strict=True):
        said.setdefault(tuple(inputs), []).append(label)
    for inputs, labels in said.items():
        votes = [sum(column) * 2 > len(labels) for column in zip(*labels, strict=True)]
        expected = labels[-1] if batch == 1 else votes
        assert rda.predict(learned, np.array([inputs]))[0].tolist() == expected
    assert (rda.predict(learned, x[~train]) == y[~train]).all(axis=1).mean() >= 0.6


def parity_tree(draws):
    return rda.random_circuit(9, (3, 1), 3, draws)


def test_a_tree_of_tables_learns_parity():
    x = every(9)
    y = x.sum(axis=1, keepdims=True) % 2 == 1
    for seed in range(3):
        draws = np.random.default_rng(seed)
        start = parity_tree(draws)
        assert (rda.predict(start, x) == y).mean() < 0.6
        learned = rda.train(start, x, y, rda.Training(40, batch=64, share=0.3), draws)
        assert (rda.predict(learned, x) == y).all(), seed


def test_training_is_determined_by_the_seed_and_keeps_the_best():
    x = every(9)
    y = x.sum(axis=1, keepdims=True) > 4
    learned = []
    for _ in range(2):
        draws = np.random.default_rng(7)
        learned.append(rda.train(parity_tree(draws), x, y, rda.Training(5, 32, 0.5), draws))
    for one, other in zip(*(circuit.layers for circuit in learned), strict=True):
        assert (one.parameters == other.parameters).all()
    spoiled = rda.train(
        learned[0], x, ~y, rda.Training(3), draws, lambda c: float((rda.predict(c, x) == y).mean())
    )
    assert spoiled is learned[0]


def test_learned_digits_are_a_model_that_reads_compiles_and_answers_alike(tmp_path):
    pytest.importorskip("sklearn.datasets")
    from lgncc.nn.digits import load_digits

    digits = load_digits()
    thresholds = np.array([3, 7, 11, 13])

    def encoded(pixels):
        return (pixels.numpy()[:, :, None] > thresholds).reshape(len(pixels), -1)

    def classes(circuit, x):
        return rda.predict(circuit, x).reshape(len(x), 10, -1).sum(axis=2).argmax(axis=1)

    x, labels = encoded(digits.train_x), digits.train_y.numpy()
    y = np.repeat(labels[:, None] == np.arange(10), 20, axis=1)
    draws = np.random.default_rng(0)
    learned = rda.train(
        rda.random_circuit(256, (600, 200), 6, draws),
        x,
        y,
        rda.Training(12, batch=256, share=0.2),
        draws,
        lambda circuit: float((classes(circuit, x) == labels).mean()),
    )
    feature, threshold = np.repeat(np.arange(64), 4), np.tile(thresholds, 64)
    encoder = Encoder.uniform(64, bits=5, feature=feature, threshold=threshold)
    model = rda.to_model(learned, encoder, Readout.group_sum(200, 10))
    save_model(model, tmp_path / "digits.npz")
    read = frontends.load(tmp_path / "digits.npz")
    answer = golden.predict(read, digits.test_x.numpy())
    assert (answer.bits == rda.predict(learned, encoded(digits.test_x))).all()
    assert (answer.classes == classes(learned, encoded(digits.test_x))).all()
    assert answer.accuracy(digits.test_y.numpy()) >= 0.75
    optimized = optimize(read, choose_pipeline(1))
    assert optimized.rung.result == "proved"
    assert optimized.model.netlist.n_gates < read.netlist.n_gates


def test_misfits_are_refused():
    inputs, one = np.zeros((2, 1), np.int32), np.zeros((1, 4), bool)
    with pytest.raises(ValueError, match=r"layer 0: parameters .* must be bool \(1, 4\)"):
        rda.Circuit(2, (rda.Layer(inputs, one[:, :2]),))
    with pytest.raises(ValueError, match="layer 1: reads outside the 1 bits"):
        rda.Circuit(2, (rda.Layer(inputs, one), rda.Layer(inputs + 1, one)))
    with pytest.raises(ValueError, match="tables of 7 inputs"):
        rda.Circuit(2, (rda.Layer(np.zeros((7, 1), np.int32), np.zeros((1, 128), bool)),))
    with pytest.raises(ValueError, match="at least one layer"):
        rda.Circuit(2, ())
    circuit = rda.Circuit(2, (rda.Layer(inputs, one),))
    with pytest.raises(ValueError, match=r"y \(4, 2\) are not"):
        rda.train(circuit, every(2), every(2), rda.Training(), np.random.default_rng(0))
    with pytest.raises(InputError, match="the encoder makes 3 bits, the circuit takes 2"):
        rda.to_model(circuit, Encoder.identity(3))
