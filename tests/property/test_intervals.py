"""Bounds hold: of each operation for all operands, of a program for all inputs and states."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_edge.errors import InternalError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.interpret.execute import run
from lstm_edge.ir.clock import Length
from lstm_edge.ir.program import FORWARD, Block, Port, Program, Value
from lstm_edge.operations import OPERATIONS, functions
from lstm_edge.operations.call import Call, Moment, Op
from lstm_edge.operations.product import matvec
from lstm_edge.operations.record import Bounds, Reads, Timing
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.passes.tables import rsqrt_table
from tests.support.choices import over_time
from tests.support.hypotheses import examples
from tests.support.models import random_inputs, random_model
from tests.support.programs import WIDTHS, extremes, quantized, saturated_state, stored

Ints = npt.NDArray[np.int64]

INT16 = (-(2**15), 2**15 - 1)
INT32 = (INT32_MIN, INT32_MAX)
UNITS, COLUMNS, STEPS = 3, 4, 2
POINTS = 16

TABLES = {
    "sigmoid": np.sort(np.random.default_rng(0).integers(0, 32768, 513)),
    "any": np.random.default_rng(1).integers(*INT16, 513),
}


FUNCTIONS = functions(is_float=False)

LIMITS = {
    **{kind: [INT32, INT32] for kind in ("add", "sub", "larger", "smaller", "above", "concat")},
    "matvec": [INT16, INT16],
    "matvec_over_time": [INT32, INT16],
    "restart": [INT32, INT32],
    "within": [INT32, INT32, (0, 2 * STEPS)],
    "slide": [INT32, INT32, INT32],
    "select": [INT32] * 4,
    "gather": [INT32, (0, UNITS - 1)],
}
"""Ranges of the operands, where they are not what the record wants, or one of 32 bits."""


SPECTRAL = {
    "rfft": 16,
    "rfft_of_sums": 16,
    "raised_power": 6,
    "band_power": 2 * COLUMNS,
    "bands": COLUMNS,
}
"""Operations of spectra, and numbers of their operands."""


@st.composite
def cases(draw: Any) -> tuple[Op, list[Bounds], dict[str, Ints], int]:
    """An operation, bounds of its operands, constants, and a seed for points within."""
    kind = draw(st.sampled_from(sorted(FUNCTIONS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = {
        "shift": draw(st.integers(-4, 31)),
        "round_shift": draw(st.integers(1, 30)),
        "saturate": draw(st.integers(2, 31)),
        "low_bits": draw(st.integers(1, 31)),
        "saturate_shift": draw(st.integers(2, 31)),
        "table": draw(st.integers(0, 12)),
        "half_table": draw(st.integers(0, 12)),
        "lookup": draw(st.integers(0, UNITS - 1)),
        "mean_over_steps": draw(st.integers(-3, 3)),
        "slide": draw(st.integers(0, 1)),
        "rfft": draw(st.integers(4, 15)),
        "rfft_of_sums": draw(st.integers(4, 15)),
        "bands": draw(st.integers(1, 20)),
    }.get(kind, 0)
    wanted = [INT32 if w is None else (w.low, w.high) for w in OPERATIONS[kind].wants]
    limits = LIMITS.get(kind, wanted or [INT32])
    magnitude = 2.0 ** draw(st.integers(0, 31))
    bounds = []
    for k, (least, most) in enumerate(limits):
        length = COLUMNS if kind == "matvec" or (kind == "matvec_over_time" and k) else UNITS
        length = {("slide", 0): STEPS * UNITS, ("slide", 2): 1, ("within", 2): 1}.get(
            (kind, k), length
        )
        length = SPECTRAL.get(kind, length)
        ends = np.clip(np.floor(rng.normal(size=(2, length)) * magnitude), least, most)
        ends = np.sort(ends.astype(np.int64), axis=0)
        is_constant = (kind, k) == ("gather", 1)
        bounds.append((ends[0], ends[0] if is_constant else ends[1]))
    shape = dict.fromkeys(("matvec", "lookup"), (UNITS, COLUMNS))
    shape |= {"matvec_over_time": (STEPS, UNITS, COLUMNS)}
    constants = {
        "b": rng.integers(-(2**20), 2**20, UNITS),
        "log": np.floor(np.log1p(np.linspace(0.0, 1.0, 513)) * 2**15 + 0.5).astype(np.int64),
        "rsqrt": rsqrt_table(),
        **TABLES,
        "window": rng.integers(0, 2**15, SPECTRAL["rfft"]),
        "filters": rng.integers(-(2**14), 2**14, (UNITS, COLUMNS)),
    }
    for name in ("W", "R"):
        constants[name] = rng.integers(-127, 128, shape.get(kind, (1,)))
    curve = draw(st.sampled_from(sorted(TABLES)))
    table = {"table": curve, "half_table": curve, "log": "log", "rsqrt": "rsqrt"}.get(kind, "")
    matrices = {"matvec": ("W", "R"), "matvec_over_time": ("W",), "lookup": ("W",)}.get(kind, ())
    names = ("a", "b", "c", "d")[: len(limits)]
    count = draw(st.integers(1, 3)) if kind == "mean_over_steps" else 0
    if kind == "saturate_shift":
        count = draw(st.integers(0, 31))
    if kind == "mul_add":
        count = draw(st.integers(-(2**30), 2**30))
    if kind in ("rfft", "rfft_of_sums"):
        count = SPECTRAL["rfft"]
    if kind == "slice":
        n = draw(st.integers(0, UNITS - 1))
        count = draw(st.integers(1, UNITS - n))
    factors = kind != "lookup" or draw(st.booleans())
    bias = "b" if matrices and factors else ""
    bias = {
        "rfft": "window",
        "rfft_of_sums": "window",
        "band_power": "filters",
        "bands": "filters",
    }.get(kind, bias)
    op = Op(kind, "dest", names, n, table, bias, matrices, count)
    return op, bounds, constants, int(rng.integers(2**32))


MOMENTS = {
    Timing.NONE: [Moment(0, False, -1, 1)],
    Timing.FIRST: [Moment(0, first, late, 1) for first in (False, True) for late in (-1, 1)],
    Timing.STEP: [Moment(step, step == 0, -1, 1) for step in range(2 * STEPS + 1)],
    Timing.COUNT: [Moment(steps - 1, False, -1, steps) for steps in range(1, 9)],
}
"""When an operation may run, as far as it depends on that."""


def apply(op: Op, args: list[Ints], constants: dict[str, Ints]) -> Ints:
    """The operation on points [points, units] (for a matvec over time, its last running sum); at
    every step, one after the other, where it depends on that.
    """
    record, function = OPERATIONS[op.kind], FUNCTIONS[op.kind]
    if op.kind == "gather":  # its places are a constant
        args = [args[0], args[1][0]]
    if record.reads is Reads.SEQUENCE:
        return args[0]
    if record.running:
        total = args[0]
        for moment in MOMENTS[Timing.STEP][:STEPS]:
            total = function(*record.bind(Call(op, (total, *args[1:]), constants, moment)))
        return total
    found = []
    for moment in MOMENTS[record.timing]:
        counts = record.timing is Timing.COUNT
        count = max(1, Length(op.n, op.count).of(moment.steps)) if counts else 0
        found.append(function(*record.bind(Call(op, tuple(args), constants, moment, count))))
    return np.concatenate(found)


def bounds_of(op: Op, args: list[Bounds], constants: dict[str, Ints]) -> Bounds:
    bounds = OPERATIONS[op.kind].bounds
    assert bounds is not None
    return bounds(op, args, constants)


def points(bounds: Bounds, rng: np.random.Generator) -> Ints:
    """Random numbers within the bounds, both ends among them, unit by unit."""
    low, high = bounds
    inside = rng.integers(low, high, (POINTS, len(low)), endpoint=True)
    ends = np.where(rng.integers(0, 2, (POINTS, len(low))) == 1, high, low)
    return np.concatenate([inside, ends, low[None], high[None]])


@examples(600)
@given(cases())
def test_the_bounds_of_an_operation_hold_for_all_operands_within_theirs(
    case: tuple[Op, list[Bounds], dict[str, Ints], int],
) -> None:
    op, bounds, constants, seed = case
    rng = np.random.default_rng(seed)
    low, high = bounds_of(op, bounds, constants)
    result = apply(op, [points(b, rng) for b in bounds], constants)
    assert np.all(low <= result)
    assert np.all(result <= high)


@examples(300)
@given(cases())
def test_the_bounds_of_points_are_the_result_itself(
    case: tuple[Op, list[Bounds], dict[str, Ints], int],
) -> None:
    """Except for a table, bounded by its entries, above, by 0, argmax, and sums over all steps;
    what depends on the step is bounded by what it is at any.
    """
    op, bounds, constants, _ = case
    args = [b[0] for b in bounds]
    low, high = bounds_of(op, [(a, a) for a in args], constants)
    results = apply(op, [a[None] for a in args], constants)
    record = OPERATIONS[op.kind]
    if record.timing is not Timing.NONE and not record.running:
        assert np.all(low <= results.min(axis=0))
        assert np.all(high >= results.max(axis=0))
        return
    result = results[0]
    if op.kind in ("table", "half_table"):
        half = 256 << op.n
        entered = args[0] >> (op.kind == "half_table")
        k = (np.clip(entered, -half, half - 1) >> op.n) + 256
        entries = constants[op.table]
        assert np.array_equal(low, np.minimum(entries[k], entries[k + 1]))
        assert np.array_equal(high, np.maximum(entries[k], entries[k + 1]))
    elif op.kind in ("rfft", "rfft_of_sums", "raised_power", "band_power"):
        assert np.all(low <= result)
        assert np.all(result <= high)
    elif op.kind not in ("matvec_over_time", "above", "argmax"):
        assert np.array_equal(low, result)
        assert np.array_equal(high, result)


seeds = st.integers(0, 2**16)
widths = st.sampled_from(WIDTHS)


def compiled(seed: int, width: Options, from_data: bool) -> Program:
    model = random_model(seed, **(over_time(seed) if seed % 4 == 0 else {}))
    return quantized(model, random_inputs(model, 4, None, seed), width, from_data=from_data)


def any_order(program: Program, op: Op, args: tuple[Ints, ...]) -> Ints:
    """The largest partial sum of a matvec whatever comes first: magnitudes only."""
    pairs = zip(op.matrices, args, strict=True)
    terms = [(np.abs(program.constants[m]), np.abs(x)) for m, x in pairs]
    return matvec(np.abs(program.constants[op.bias]), terms)


@examples(150)
@given(seeds, widths, st.booleans())
def test_every_lowered_program_is_proved(seed: int, width: Options, from_data: bool) -> None:
    """Of any cell, head and width, with data and without; weights of any magnitude."""
    proof = prove(compiled(seed, width, from_data))
    assert all(0 <= bound <= INT32_MAX for bound in proof.accumulators.values())
    for name, (low, high) in proof.bounds.items():
        assert INT32_MIN <= low <= high <= INT32_MAX, name


@examples(100)
@given(seeds, widths, st.booleans())
def test_nothing_leaves_its_proved_bounds_in_any_execution(
    seed: int, width: Options, from_data: bool
) -> None:
    """Random and extreme inputs, from the initial state and from saturated ones."""
    program = compiled(seed, width, from_data)
    proof = prove(program)

    def observe(op: Op, args: tuple[Ints, ...], result: Ints) -> None:
        low, high = proof.bounds[op.dest]
        if op.kind == "matvec":
            assert any_order(program, op, args).max() <= proof.accumulators[op.dest], op
        assert low <= result.min(), op
        assert result.max() <= high, op
        fmt = program.values[op.dest].format
        assert INT32_MIN <= fmt.low <= low, op
        assert high <= fmt.high <= INT32_MAX, op

    steps = program.steps or 6
    rng = np.random.default_rng(seed)
    real = {
        p.name: rng.normal(size=(4, steps, len(p.scale)) if p.per_step else (4, 1)) * 3.0
        for p in program.inputs
    }
    ends = extremes(program, 6, steps, seed)
    run(program, stored(program, real), observe=observe)
    run(program, ends, observe=observe)
    run(program, ends, saturated_state(program, 6, seed), observe=observe)


@examples(50)
@given(seeds, widths, st.booleans())
def test_a_state_stays_within_its_format_from_step_to_step(
    seed: int, width: Options, from_data: bool
) -> None:
    program = compiled(seed, width, from_data)
    state = saturated_state(program, 4, seed)
    for call in range(3):
        _, state = run(program, extremes(program, 4, program.steps or 3, seed + call), state)
        for name, numbers in state.items():
            fmt = program.values[name].format
            assert fmt.low <= numbers.min(), name
            assert numbers.max() <= fmt.high, name


def one_product(low: int, high: int, weight: int, columns: int) -> Program:
    """x in [low, high], y = weight * sum of x."""
    ones, zeros = np.ones(columns), np.zeros(columns, np.int64)
    return Program(
        name="net",
        scheme="int8",
        inputs=(Port("x", "x", ("time", "feature"), (-1, columns), True, ones, zeros),),
        outputs=(Port("y", "y", ("time", "feature"), (-1, 1), True, ones[:1], zeros[:1]),),
        states=(),
        values={
            "x": Value("x", columns, Format("int16", 1.0, low, high)),
            "y": Value("y", 1, Format("int32", 1.0, INT32_MIN, INT32_MAX)),
        },
        constants={"W": np.full((1, columns), weight), "b": np.zeros(1, np.int64)},
        sweeps=(FORWARD,),
        blocks=(Block("fc", 0, (Op("matvec", "y", ("x",), bias="b", matrices=("W",)),)),),
        steps=None,
    )


def test_a_sum_that_just_fits_is_proved_and_one_more_column_is_refused() -> None:
    columns = INT32_MAX // (127 * 32767)
    proof = prove(one_product(-32767, 32767, 127, columns))
    assert proof.bounds["y"] == (-columns * 127 * 32767, columns * 127 * 32767)
    assert proof.accumulators == {"y": columns * 127 * 32767}
    with pytest.raises(InternalError, match="y may leave int32"):
        prove(one_product(-32767, 32767, 127, columns + 1))
