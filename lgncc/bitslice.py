"""A LogicModel prepared for `bitslice.c`: one compiled interpreter for every model.

In go samples, out come bits, scores and classes. The library is built with the package
where there is a C compiler; `library()` is None where there was none.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from lgncc.arrays import Bits, Ids, Integers
from lgncc.model import LogicModel, Readout
from lgncc.schedule import Schedule

STEP = 512
"""Samples that the interpreter works on at once."""


class _Program(ctypes.Structure):
    _fields_ = [
        *((name, c_int64) for name in ("n_inputs", "n_state", "n_outputs", "n_slots")),
        *((name, c_void_p) for name in ("reset", "next_state", "outputs")),
        ("n_runs", c_int64),
        *((name, c_void_p) for name in ("run_table", "run_end", "gates")),
        *((name, c_int64) for name in ("n_classes", "n_planes")),
        ("bias", c_void_p),
        ("n_groups", c_int64),
        *((name, c_void_p) for name in ("group_class", "group_shift", "group_end", "terms")),
        *((name, c_void_p) for name in ("feature", "threshold")),
    ]


class _Batch(ctypes.Structure):
    _fields_ = [
        *((name, c_int64) for name in ("n", "steps", "columns")),
        *((name, c_void_p) for name in ("bits", "integers")),
        *((name, c_void_p) for name in ("out_bits", "out_scores", "out_classes")),
    ]


@cache
def library() -> ctypes.CDLL | None:
    """The compiled interpreter, if this installation has it."""
    spec = find_spec("lgncc._bitslice")
    if spec is None or spec.origin is None:
        return None
    found = ctypes.CDLL(spec.origin)
    found.lgn_run.argtypes = [POINTER(_Program), POINTER(_Batch)]
    found.lgn_run.restype = c_int
    return found


@dataclass(frozen=True)
class Terms:
    """A readout as counts: score[c] = bias[c] + 2**shift for each term of c that holds.

    A weight becomes the powers of two of its size; where it is negative, the terms are
    of the complement and the bias makes up for it.

    Terms are sorted by class and shift into groups. output: int64 (T,), position in the
    netlist's outputs; complement: bool (T,); klass, shift, end: (G,), end one past a
    group's last term; bias: int64 (C,); n_planes: binary digits that hold any count.
    """

    output: Integers
    complement: Bits
    klass: Ids
    shift: Ids
    end: Integers
    bias: Integers
    n_planes: int

    @classmethod
    def of(cls, readout: Readout) -> Terms:
        size = np.abs(readout.weight.astype(np.int64))
        bias = readout.bias.copy()
        np.add.at(bias, readout.klass, np.minimum(readout.weight, 0).astype(np.int64))
        reach = np.zeros(readout.n_classes, np.int64)
        np.add.at(reach, readout.klass, size)
        term, shift = np.nonzero(size[:, None] >> np.arange(32) & 1)
        order = np.lexsort((shift, readout.klass[term]))
        term, shift = term[order], shift[order]
        klass = readout.klass[term]
        new = (np.diff(klass, prepend=-1) != 0) | (np.diff(shift, prepend=-1) != 0)
        first = np.flatnonzero(new)
        return cls(
            output=readout.output[term].astype(np.int64),
            complement=readout.weight[term] < 0,
            klass=klass[first],
            shift=shift[first].astype(np.int32),
            end=np.append(first[1:], len(term))[: len(first)],
            bias=bias,
            n_planes=int(reach.max(initial=0)).bit_length(),
        )


class Interpreter:
    """`model` for the compiled interpreter, which must be there. Threads may share one."""

    def __init__(self, model: LogicModel) -> None:
        found = library()
        assert found is not None, "built without a C compiler"
        self._library = found
        schedule = Schedule.of(model.netlist)
        terms = Terms.of(model.readout)
        # ctypes keeps only addresses: the arrays must outlive the program.
        self._arrays: dict[str, npt.NDArray[np.generic]] = {
            "reset": model.netlist.reset.astype(np.uint8),
            "next_state": schedule.next_state,
            "outputs": schedule.outputs,
            "run_table": schedule.table,
            "run_end": schedule.end,
            "gates": schedule.gates,
            "bias": terms.bias,
            "group_class": terms.klass,
            "group_shift": terms.shift,
            "group_end": terms.end,
            "terms": 2 * schedule.outputs[terms.output] + terms.complement.astype(np.int32),
            "feature": model.encoder.feature,
            "threshold": model.encoder.threshold,
        }
        self._program = _Program(
            n_inputs=model.netlist.n_inputs,
            n_state=model.netlist.n_state,
            n_outputs=len(schedule.outputs),
            n_slots=schedule.n_slots,
            n_runs=len(schedule.end),
            n_classes=len(terms.bias),
            n_planes=terms.n_planes,
            n_groups=len(terms.end),
            **{name: array.ctypes.data for name, array in self._arrays.items()},
        )

    def run(
        self,
        samples: Bits | Integers,
        bits: Bits | None,
        scores: Integers | None,
        classes: Integers | None,
    ) -> None:
        """Answer network inputs bool (n, steps, B) or quantized features int64 (n, steps, F).

        Writes what is asked for: bits (n, steps, m), scores (n, steps, C) and with them
        classes (n, steps), each contiguous. State starts from its reset values.
        """
        given = np.ascontiguousarray(samples)
        encoded = given.dtype == np.bool_
        batch = _Batch(
            n=len(given),
            steps=given.shape[1],
            columns=0 if encoded else given.shape[2],
            bits=given.ctypes.data if encoded else None,
            integers=None if encoded else given.ctypes.data,
            out_bits=None if bits is None else bits.ctypes.data,
            out_scores=None if scores is None else scores.ctypes.data,
            out_classes=None if classes is None else classes.ctypes.data,
        )
        if self._library.lgn_run(self._program, batch):
            raise MemoryError(f"no room for {self._program.n_slots:,} values of {STEP} samples")
