"""A LogicModel as one C99 file without dependencies: encoder, network and readout.

Everything is loops over tables. Straight-line code would be no faster (each gate reads
and writes memory either way), and gcc -O2 would take minutes for 100,000 gates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import lgncc
from lgncc.bitslice import Terms
from lgncc.emit import c_text
from lgncc.encoder import Encoder
from lgncc.gates import GATES, Gate
from lgncc.model import LogicModel
from lgncc.schedule import Schedule

NUMBERS_A_LINE = 12
INTEGER_TYPES = ("uint8_t", "int8_t", "uint16_t", "int16_t", "uint32_t", "int32_t", "int64_t")


def to_c(model: LogicModel, name: str) -> str:
    """The file's text; `name` becomes the prefix of all its identifiers."""
    prefix = identifier(name)
    schedule, terms = Schedule.of(model.netlist), Terms.of(model.readout)
    has_state = model.netlist.n_state > 0
    parts = [
        _documentation(model, prefix),
        *_constants(model, schedule, terms),
        c_text.HEADER,
        f"typedef {feature_type(model.encoder)} NAME_feature;\n",
        *(_table("int32_t", "output", schedule.outputs)),
        *(_table("int32_t", "input_feature", model.encoder.feature)),
        *(_table("int64_t", "threshold", model.encoder.threshold)),
        *_network(schedule),
        c_text.EVAL,
        c_text.ENCODE,
    ]
    if has_state:
        values = ", ".join(map(str, model.netlist.reset.astype(int).tolist()))
        parts.append(c_text.RESET.replace("NAME_RESET_VALUES", values))
    if model.readout.kind == "bits":
        parts.append(c_text.RUN_BITS)
    else:
        complement = terms.complement.astype(np.int32)
        parts += [
            *_table("int64_t", "bias", terms.bias),
            *_table("int32_t", "group_class", terms.klass),
            *_table("int32_t", "group_shift", terms.shift),
            *_table("int32_t", "group_end", terms.end),
            "/* 2 * slot + complement */\n",
            *_table("int32_t", "term", 2 * schedule.outputs[terms.output] + complement),
            c_text.RUN_SCORES,
        ]
    text = "".join(parts)
    copy = "memcpy(v + 2, in, sizeof *v * NAME_INPUTS);" if model.netlist.n_inputs else "(void)in;"
    for mark, replacement in (
        (" NAME_STATE_PARAMETER", ", uint64_t *state" if has_state else ""),
        (" NAME_STATE_ARGUMENT", ", state" if has_state else ""),
        ("NAME_INPUTS_COPY", copy),
    ):
        text = text.replace(mark, replacement)
    text = re.sub(r"\bNAME_(?=[A-Z])", prefix.upper() + "_", text)
    return re.sub(r"\bNAME_", prefix + "_", text)


def identifier(name: str) -> str:
    """`name` with everything that C does not take in an identifier replaced."""
    plain = re.sub(r"[^0-9A-Za-z_]", "_", name)
    return plain if re.match(r"[A-Za-z]", plain) else f"lgn_{plain}"


def feature_type(encoder: Encoder) -> str:
    """The smallest C type that holds the integer of every feature."""
    low, high = (bound.astype(np.int64) for bound in encoder.integer_range)
    lowest, highest = int(low.min(initial=0)), int(high.max(initial=0))
    for name in INTEGER_TYPES[:-1]:
        limits = np.iinfo(name.removesuffix("_t"))
        if limits.min <= lowest and highest <= limits.max:
            return name
    return INTEGER_TYPES[-1]


def _documentation(model: LogicModel, name: str) -> str:
    """The header comment: what is in the file and how it is called."""
    encoder, readout, netlist = model.encoder, model.readout, model.netlist
    formats = sorted({encoder.format_name(index) for index in range(encoder.n_features)})
    state = ", uint64_t *state" if netlist.n_state else ""
    lines = [
        f"{name}: a logic-gate network, by lgncc {lgncc.__version__}. C99, no dependencies.",
        f"From {_plain(model.provenance.path) or 'a model'}, "
        f"sha256 {model.provenance.sha256 or 'unknown'}.",
        "",
        f"{encoder.n_features} features, {netlist.n_inputs} input bits, {netlist.n_gates} gates, "
        f"{len(netlist.outputs)} output bits, {readout.n_classes} classes, "
        f"{netlist.n_state} state bits.",
        "",
        "Many samples are answered at once. A bit of NAME_BATCH samples is NAME_LANES words:",
        "sample s is bit s % 64 of word s / 64, and bit i of all inputs (outputs, state) begins",
        "at word i * NAME_LANES. Compile with -D NAME_LANES=1 to answer single samples on small",
        "machines, or with 2, 4, 8 and -O2 -march=native on large ones: gcc and clang then use",
        "vector registers.",
        "",
        "scratch: NAME_SCRATCH words of memory of the caller's, one for each thread.",
        f"features: NAME_feature (n, {encoder.n_features}), row by row: the integers of the "
        "features,",
        f"which are value * 2^fraction. Formats here: {', '.join(formats) or 'none'} (u8: 8 bits,",
        "unsigned; s8.4: signed, 4 of its 8 bits behind the point).",
        "",
        f"void NAME_eval(const uint64_t *in, uint64_t *out{state}, uint64_t *scratch);",
        "    The network alone: packed input bits to packed output bits.",
    ]
    if readout.kind == "bits":
        lines += [
            f"void NAME_run(const NAME_feature *features, size_t n, uint8_t *bits{state},",
            "        uint64_t *scratch);",
            "    Features to output bits, a byte each: (n, NAME_OUTPUTS).",
        ]
    else:
        lines += [
            "void NAME_run(const NAME_feature *features, size_t n, int64_t *scores,",
            f"        int *classes{state}, uint64_t *scratch);",
            "    Features to scores (n, NAME_CLASSES) and classes (n): the highest score, the",
            "    lowest index on a tie. Either may be NULL. The framework's own score is",
            f"    (score + {readout.beta!r}) / {readout.tau!r}.",
            f"int NAME_classify(const NAME_feature *features{state}, uint64_t *scratch);",
            "    The class of one sample.",
        ]
    if netlist.n_state:
        lines += [
            "void NAME_reset(uint64_t *state);",
            "    state: NAME_STATE * NAME_LANES words; each call above is one step and moves it",
            "    on. n is at most NAME_BATCH, and the samples are as many sequences.",
        ]
    return "/* " + "\n".join(f"   {line}".rstrip() for line in lines).lstrip() + "\n*/\n\n"


def _plain(path: str) -> str:
    """A path that cannot end a comment, or trouble a compiler."""
    return re.sub(r"[^ -~]|[*?\\]", "_", path)


def _constants(model: LogicModel, schedule: Schedule, terms: Terms) -> Iterator[str]:
    values = {
        "FEATURES": model.encoder.n_features,
        "INPUTS": model.netlist.n_inputs,
        "OUTPUTS": len(schedule.outputs),
        "STATE": model.netlist.n_state,
        "CLASSES": model.readout.n_classes,
        "SLOTS": schedule.n_slots,
        "RUNS": len(schedule.end),
        "GROUPS": len(terms.end),
        "PLANES": terms.n_planes,
    }
    for name, value in values.items():
        yield f"#define NAME_{name} {value}\n"
    yield "\n"


def _table(ctype: str, name: str, values: npt.NDArray[np.generic]) -> Iterator[str]:
    """A constant array; C has none without elements, so an empty one gets an unused zero."""
    numbers = [str(value) for value in values.tolist()] or ["0"]
    yield f"static const {ctype} NAME_{name}[{len(numbers)}] = {{\n"
    for start in range(0, len(numbers), NUMBERS_A_LINE):
        yield "    " + ", ".join(numbers[start : start + NUMBERS_A_LINE]) + ",\n"
    yield "};\n"


def _network(schedule: Schedule) -> Iterator[str]:
    """The gates as a table, and the function that runs it."""
    yield f"typedef {'uint16_t' if schedule.n_slots <= 1 << 16 else 'uint32_t'} NAME_slot;\n"
    yield "/* slots of fanin a, fanin b and the result */\n"
    yield from _table("NAME_slot", "gate", schedule.gates.reshape(-1))
    yield "/* bit a + 2 b of a truth table is the output */\n"
    yield from _table("uint8_t", "run_table", schedule.table)
    yield from _table("int32_t", "run_end", schedule.end)
    has_state = schedule.netlist.n_state > 0
    if has_state:
        yield from _table("int32_t", "next_state", schedule.next_state)
    yield (
        c_text.NETWORK.replace("NAME_CASES", "".join(map(_case, GATES)))
        .replace("NAME_STATE_COPY_IN", c_text.STATE_COPY_IN if has_state else "")
        .replace("NAME_STATE_COPY_OUT", c_text.STATE_COPY_OUT if has_state else "")
    )


def _case(gate: Gate) -> str:
    """One function of a switch over truth tables."""
    expression = gate.expression
    for mark, value in (("{a}", "v[g[0]]"), ("{b}", "v[g[1]]"), ("1'b0", "v[0]"), ("1'b1", "v[1]")):
        expression = expression.replace(mark, value)
    return f"""\
        case {gate.table:#x}: /* {gate.name} */
            for (; g < end; g += 3)
                v[g[2]] = {expression};
            break;
"""
