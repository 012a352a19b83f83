"""What the compiler chooses by ranges and weights that are drawn: formats of models, rows that an
update brings, bounds of equations, products that a kernel scales.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_edge.errors import LstmEdgeError
from lstm_edge.ir import expr
from lstm_edge.ir.bound import proved_bound
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Model
from lstm_edge.passes import tables
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.choose_formats import choose_formats
from lstm_edge.passes.decisions import Decisions
from lstm_edge.passes.formats import Formats, checked, of_json
from lstm_edge.passes.input_formats import drawn_format
from lstm_edge.passes.options import Options, Widths
from lstm_edge.passes.quantize_rows import quantize_rows
from lstm_edge.passes.readers import Scaling
from lstm_edge.passes.row_scales import Scheme
from tests.golden.cases import CASES
from tests.golden.drawn import Draw
from tests.golden.parts import operand

MODELS = ("gru", "over_time", "rows", "eight", "positions", "scaled", "projected", "gru_begun")
TABLES = (
    *(tables.sigmoid_table, tables.elu_table, tables.softplus_table, tables.sine_table),
    *(tables.erf_table, tables.exp_table, tables.log_table, tables.rsqrt_table),
)


def bounded(d: Draw, depth: int = 2) -> Expr:
    """An equation of a few operations."""
    if depth == 0:
        kind = d.one("constant", "curve", "curve", "state", "input")
        if kind == "constant":
            return expr.constant(d.one(0.0, 0.5, -3.0, 7.0))
        x = expr.input_vector("x") if kind != "state" else expr.state("h")
        return expr.apply(d.one(*expr.FUNCTIONS), x) if kind == "curve" else x
    a, b, c = (bounded(d, depth - 1) for _ in range(3))
    made: Callable[[], Expr] = d.one(
        lambda: a + b,
        lambda: a - b,
        lambda: a * b,
        lambda: a / b,
        lambda: expr.within(c, a, b),
        lambda: expr.take(a, (0,)),
        lambda: expr.largest(a),
        lambda: expr.floor(a),
        lambda: expr.nearest(a),
        lambda: expr.join(a, b, c),
        lambda: expr.total(a),
        lambda: expr.select(a, 0.0, b, c),
        lambda: expr.smaller(expr.larger(a, b), c),
        lambda: expr.larger(a, b),
        lambda: expr.smaller(a, b),
    )
    return made()


@functools.cache
def _model(name: str) -> Model:
    return CASES[name][0]()


def _ranges(d: Draw, model: Model) -> Ranges:
    """Of all tensors and states."""
    lengths = {t.name: t.features for t in model.tensors.values()}
    for layer in model.layers:
        first = next(iter(layer.outputs.values()))
        for name in layer.op.cell.states:
            lengths[f"{layer.name}.{name}"] = lengths[layer.outputs.get(name, first)]
    ends = {name: np.sort(d.real(-8, 6, 2, n), axis=0) for name, n in lengths.items()}
    low, high = ({name: each[k] for name, each in ends.items()} for k in (0, 1))
    without = {name: (low[name] * 0.75, high[name] * 0.75) for name in low}
    return Ranges(low, high, {}, d.one(True, True, False), without=d.one(without, {}))


def of_models(d: Draw) -> object:
    """The formats of a model, some of whose layers have widths of their own."""
    model = _model(d.one(*MODELS))
    ranges = _ranges(d, model)
    own = {x.name: Widths(d.one(4, 8), d.one(8, 12, 16)) for x in model.layers if d.one(0, 1)}
    options = Options(d.one(8, 12, 16), d.one(16, 32), 8, d.one(True, False, False), own)
    made = choose_formats(model, ranges, options)
    chosen = made.inputs, made.states, made.narrow, made.tables
    name, steps = d.one(*ranges.low, "unseen"), d.one(None, 5)
    more = made.factor(name), made.factor_reach(name), made.open_reach(name), made.extent(name)
    reach, scale = np.abs(d.real(-9, 9, 2)).tolist()
    running = Formats(options, True, ranges, {}, {}, {}, {}, steps, d.whole(0, 2))
    bound = d.one(1.0, np.inf, float(np.abs(d.real(-3, 4))))
    read = made.activation(name, bound, "x"), made.activation(name, bound, "y", d.one(True, False))
    sums = [running.running(reach, scale, grows) for grows in (True, False)]
    decided = Decisions(known=made.decisions.made)
    later = replace(made, decisions=decided)
    kept = later.activation(name, bound, "x"), later.factor(name), sorted(decided.made)
    facts = made.steps, made.padding, more, read, sums, kept
    return [sorted(each.items()) for each in chosen], facts


def of_updates(d: Draw) -> object:
    """Rows, then those of other weights in the code that was made for the first."""
    scheme, count = Scheme(d.one(4, 8, 16), d.one(True, False)), d.whole(1, 3)
    made = Decisions(updatable=d.one(True, True, False))
    each = tuple(operand(d, k, count) for k in range(d.one(1, 2)))
    bias = d.real(-3, 4, count)
    first = quantize_rows(each, bias, (), "W", scheme, decisions=made, name="W")
    known = Decisions(made.updatable, made.made)
    grown = d.one(0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 16.0)
    others = tuple(replace(o, weights=o.weights * grown) for o in each)
    return first, quantize_rows(others, bias * grown, (), "W", scheme, decisions=known, name="W")


def damaged(d: Draw) -> object:
    """A format as JSON holds it, with one key that is something else."""
    fmt: dict[str, Any] = {"scale": 0.5, "storage": "int8", "low": -128, "high": 127}
    fmt |= {"zero_point": d.one(0, (1, 2)), "scale": d.one(0.5, (0.5, 0.25), (0.5, 0.25, 1.0))}
    key, wrong = d.one(
        ("low", 128), ("high", 2**31), ("low", -(2**31)), ("scale", 0.0), ("scale", (0.5, -1.0)),
        ("storage", "int7"), ("zero_point", (1, 2, 3)), ("zero_point", 2**31), ("low", 0.5),
        ("high", 127),
    )  # fmt: skip
    found = {"format": fmt | {key: wrong}, "why": d.one("proved", "proved", "calibrated", "so")}
    ranges = Ranges({"x": np.zeros(2)}, {"x": np.zeros(2)}, {}, False)
    try:
        return of_json(checked(found, ranges, d.one("x", "y")))
    except (LstmEdgeError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def scaled_inputs(d: Draw) -> object:
    """Formats of inputs without data, brought to their mean and scale or not."""
    columns = np.abs(d.real(-14, 6, 3)) * d.rng.choice([0.0, 1.0, 1.0], 3)
    scaling = Scaling(np.abs(d.real(-4, 4, 3)), d.real(-4, 4, 3))
    return drawn_format(columns, d.one(True, False), d.one(8, 12), d.one(None, scaling))


def of_tables(d: Draw) -> object:
    """All of a table's entries."""
    table = d.one(*TABLES)()
    return len(table), zlib.crc32(table.astype("<i8").tobytes()), table.flags.writeable


CHOICES: Mapping[str, Callable[[Draw], object]] = {
    "bounds of equations": lambda d: [proved_bound(bounded(d)) for _ in range(4)],
    "formats of models": of_models,
    "rows of updates": of_updates,
    "formats from a file": damaged,
    "formats of scaled inputs": scaled_inputs,
    "tables": of_tables,
}
