"""The second opinion: a slow evaluator that shares no code with lgncc.

It takes plain Python numbers and lists and follows the definitions word for word.
"""

from __future__ import annotations


def evaluate(n_inputs, fanin, table, outputs, inputs, state=()):
    """The output bits of one sample: node after node, as a person would."""
    base = 2 + n_inputs + len(state)
    memo = {0: 0, 1: 1}
    memo.update({2 + i: int(bit) for i, bit in enumerate(inputs)})
    memo.update({2 + n_inputs + i: int(bit) for i, bit in enumerate(state)})
    for node, (sources, rows) in enumerate(zip(fanin, table, strict=True), start=base):
        row = "".join(str(memo[int(source)]) for source in reversed(list(sources)))
        memo[node] = int(f"{int(rows):0{2 ** len(row)}b}"[::-1][int(row, 2)])
    return [memo[int(node)] for node in outputs]


def thermometer(features, feature_of_bit, threshold_of_bit):
    """Network inputs: strictly above the threshold."""
    return [
        1 if features[int(f)] > t else 0
        for f, t in zip(feature_of_bit, threshold_of_bit, strict=True)
    ]


def group_scores(bits, groups):
    """Scores of contiguous groups of one size, first group first."""
    size = len(bits) // groups
    return [sum(bits[g * size : (g + 1) * size]) for g in range(groups)]


def winner(scores):
    """The class: the first of the highest."""
    best = 0
    for index, score in enumerate(scores):
        if score > scores[best]:
            best = index
    return best
