"""Polynomials over Z2 with their formal derivative: the definition, without shortcuts.

x * x stays x**2, whose derivative is 2x = 0; that is what the chain rule computes with.
"""

from __future__ import annotations

from collections import Counter


class Polynomial:
    """A set of monomials; a monomial is a frozenset of (variable, exponent)."""

    def __init__(self, monomials=()):
        self.monomials = frozenset(monomials)

    @classmethod
    def one(cls):
        return cls([frozenset()])

    @classmethod
    def variable(cls, name):
        return cls([frozenset([(name, 1)])])

    def __add__(self, other):
        return Polynomial(self.monomials ^ other.monomials)

    def __mul__(self, other):
        terms = Counter()
        for a in self.monomials:
            for b in other.monomials:
                terms[frozenset((Counter(dict(a)) + Counter(dict(b))).items())] += 1
        return Polynomial(term for term, times in terms.items() if times % 2)

    def derivative(self, name):
        terms = Counter()
        for monomial in self.monomials:
            exponents = dict(monomial)
            power = exponents.pop(name, 0)
            if power % 2:
                terms[
                    frozenset(
                        {**exponents, name: power - 1}.items() if power > 1 else exponents.items()
                    )
                ] += 1
        return Polynomial(term for term, times in terms.items() if times % 2)

    def value(self, values):
        return sum(all(values[name] for name, _ in m) for m in self.monomials) % 2
