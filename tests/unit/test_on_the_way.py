"""What C makes before a result: each number and its type, by operation; the proof refuses what
would leave it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.errors import InternalError, ModelError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.ir.program import FORWARD, Block, Port, Program, Value
from lstm_edge.kernels.armv6m import KERNELS as SMALL
from lstm_edge.kernels.kernel import Product
from lstm_edge.kernels.portable import KERNELS as PLAIN
from lstm_edge.operations import OPERATIONS, fourier
from lstm_edge.operations.call import Op
from lstm_edge.operations.intermediate import INT16, INT32, INT64, Intermediate
from lstm_edge.operations.spectrum import rfft_reach
from lstm_edge.passes.certificate import certificate
from lstm_edge.passes.prove import prove

Ends = tuple[int, int]
WIDE = (INT32_MIN, INT32_MAX)
INT64_MAX = 2**63 - 1
STEPS = np.zeros(513, np.int64)
STEPS[300:] = 1000
UP_AND_DOWN = np.where(np.arange(513) % 2 == 0, 20000, -12767)
ROOTS = np.arange(385) * 3 - 500
WEIGHTS = {"W": np.array([[3, -5], [1, 1]]), "b": np.array([-7, 20])}
BANDS = {"b": np.array([[2, -3, 4], [0, 1, 0]])}
BAND_TOTAL = 9


def on_the_way(op: Op, operands: list[Ends], constants: dict[str, Any]) -> dict[str, Any]:
    """Text -> low, high, what holds it."""
    bounds = [(np.array([low]), np.array([high])) for low, high in operands]
    found = OPERATIONS[op.kind].on_the_way(op, bounds, constants)
    return {way.text: (way.low, way.high, way.holder.text) for way in found}


def op(kind: str, *, n: int = 0, **more: Any) -> Op:
    return Op(kind, "y", ("a",), n, **more)


CASES: list[tuple[Op, list[Ends], dict[str, Any], dict[str, Any]]] = [
    (
        op("mulw"),
        [(-70000, 200000), (-3, 5)],
        {},
        {
            "(int64_t)a * b": (-600000, 1000000, "int64"),
            "(a >> 16) * b": (-10, 15, "int32"),
            "(a & 0xFFFF) * b": (-196605, 327675, "int32"),
            "b * 65536": (-196608, 327680, "int32"),
        },
    ),
    (op("shift", n=3), [WIDE], {}, {"n": (3, 3, "counts -30 to 31")}),
    (op("low_bits", n=3), [WIDE], {}, {"n": (3, 3, "counts 0 to 31")}),
    (op("saturate", n=8), [WIDE], {}, {"n": (8, 8, "counts 1 to 31")}),
    (
        op("round_shift", n=4),
        [(-9, 30)],
        {},
        {"n": (4, 4, "counts 1 to 31"), "a + 8": (-1, 38, "int32")},
    ),
    (op("headroom"), [(1, 100)], {}, {"a * 2": (0, 200, "int32")}),
    (op("headroom"), [(1, INT32_MAX)], {}, {"a * 2": (0, INT32_MAX - 1, "int32")}),
    (
        op("table", n=4, table="t"),
        [(42 * 16, 43 * 16 + 15)],
        {"t": STEPS},
        {
            "n": (4, 4, "counts 0 to 22"),
            "256 + (inside >> n) + 1": (298, 300, "places of 513 entries"),
            "entry[0]": (0, 1000, "int16"),
            "entry[1] - entry[0]": (0, 1000, "int32"),
            "(entry[1] - entry[0]) * fraction": (0, 15000, "int32"),
        },
    ),
    (
        op("table", n=2, table="t"),
        [WIDE],
        {"t": UP_AND_DOWN},
        {
            "n": (2, 2, "counts 0 to 22"),
            "256 + (inside >> n) + 1": (0, 512, "places of 513 entries"),
            "entry[0]": (-12767, 20000, "int16"),
            "entry[1] - entry[0]": (-32767, 32767, "int32"),
            "(entry[1] - entry[0]) * fraction": (-98301, 98301, "int32"),
        },
    ),
    (op("table", n=23, table="t"), [WIDE], {"t": STEPS}, {"n": (23, 23, "counts 0 to 22")}),
    (
        op("log", table="t"),
        [(1, 1024)],
        {"t": STEPS},
        {
            "(mantissa >> 21) + 1": (0, 512, "places of 513 entries"),
            "entry[0]": (0, 1000, "int16"),
            "entry[1] - entry[0]": (0, 1000, "int32"),
            "(entry[1] - entry[0]) * fraction": (0, 32767000, "int32"),
            "exponent * log2 + entry[0]": (0, 10 * 22713 + 1000, "int32"),
        },
    ),
    (
        op("rsqrt", table="t"),
        [(1, 9)],
        {"t": ROOTS},
        {
            "(t >> 22) - 128 + 1": (0, 384, "places of 385 entries"),
            "entry[0]": (-500, 652, "int16"),
            "entry[1] - entry[0]": (3, 3, "int32"),
            "(entry[1] - entry[0]) * fraction": (0, 98301, "int32"),
        },
    ),
    (op("gather"), [(-5, 5), (0, 0)], {}, {"a place": (0, 0, "places of 1 entries")}),
    (
        op("lookup", matrices=("W",)),
        [WIDE],
        WEIGHTS,
        {"row * length + unit": (0, 3, "int32")},
    ),
    (
        op("raised_power"),
        [(-40, 30)],
        {},
        {
            "-x": (-30, 40, "int32"),
            "(int64_t)re * re + (int64_t)im * im": (0, 2 * (2**31 - 1) ** 2, "int64"),
        },
    ),
    (
        op("band_power", bias="b"),
        [(-40, 30)],
        BANDS,
        {
            "-x": (-30, 40, "int32"),
            "(int64_t)re * re + (int64_t)im * im": (0, 2 * (2**31 - 1) ** 2, "int64"),
            "weight": (-3, 4, "int16"),
            "any part of the upper sum": (*(s * 9 * (2**31 - 1) for s in (-1, 1)), "int64"),
            "any part of the lower sum": (*(s * 9 * (2**14 - 1) for s in (-1, 1)), "int32"),
            "upper * 16384 + lower": (*(s * 9 * (2**45 - 1) for s in (-1, 1)), "int64"),
        },
    ),
    (
        op("bands", n=3, bias="b"),
        [(-40, 30)],
        BANDS,
        {
            "n": (3, 3, "counts 1 to 62"),
            "weight": (-3, 4, "int16"),
            "any part of 4 + sum x * weight": (-364, 364, "int64"),
        },
    ),
    (op("add"), [WIDE, (0, 0)], {}, {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].kind} {case[0].n}")
def test_each_number_on_the_way_has_its_bound_and_its_type(case: Any) -> None:
    operation, operands, constants, expected = case
    assert on_the_way(operation, operands, constants) == expected


def test_partial_sums_of_a_vector_count_in_any_order() -> None:
    low, high = np.array([-5, 2, -9]), np.array([3, 8, -4])
    (way,) = OPERATIONS["sum"].on_the_way(op("sum"), [(low, high)], {})
    assert (way.low, way.high, way.holder.text) == (-14, 11, "int32")


@pytest.mark.parametrize("kind", ["matvec", "matvec_over_time"])
def test_a_sum_of_products_counts_its_bias_and_each_product_by_magnitude(kind: str) -> None:
    """Over all steps where weights change with the step; of any position where there are some."""
    x = np.array([-4, 0]), np.array([3, 6])
    if kind == "matvec":
        args, matrix = [x], WEIGHTS["W"]
    else:
        args, matrix = [x, x], np.stack([WEIGHTS["W"], 2 * WEIGHTS["W"]])
    made = Op(kind, "y", (), bias="b", matrices=("W",))
    (way,) = OPERATIONS[kind].on_the_way(made, args, {"W": matrix, "b": WEIGHTS["b"]})
    most = max(7 + 12 + 30, 20 + 4 + 6) if kind == "matvec" else 7 + 3 * (12 + 30)
    assert (way.low, way.high) == (-most, most)
    twice = np.array([-4, 0, -20]), np.array([3, 6, 1])
    if kind == "matvec":
        apart = replace(made, positions=2, stride=1)
        (way,) = OPERATIONS[kind].on_the_way(apart, [twice], WEIGHTS)
        assert way.high == 7 + 18 + 100
        bounds = OPERATIONS[kind].bounds
        assert bounds is not None
        low, high = bounds(apart, [twice], WEIGHTS)
        row = (-7 - 12 - 30, -7 + 18 + 100), (20 - 4 - 20, 20 + 6 + 6)
        assert [*zip(low, high, strict=True)] == [*row, *row]


def test_a_transform_counts_sums_of_its_window_from_a_half_on() -> None:
    x = np.array([-9, -9] + [0] * 16), np.array([4, 5] + [8] * 16)
    window = np.stack([np.full(16, 2), np.full(16, -3)])
    made = Op("rfft_of_sums", "y", ("x",), n=4, count=16, bias="w")
    found = OPERATIONS[made.kind].on_the_way(made, [x], {"w": window})
    reach = rfft_reach(np.maximum(-x[0], x[1]), window, made)
    sines = fourier.waves(16)[:, 1]
    assert {way.text: (way.low, way.high, way.holder.text) for way in found} == {
        "n": (4, 4, "counts 1 to 31"),
        "window": (-3, 2, "int16"),
        "any part of 8 + sum x * window": (-53, 53, "int32"),
        "any number of the transform": (-reach, reach, "int32"),
        "(int64_t)a * c + (int64_t)b * s": (-reach * 2**32, reach * 2**32, "int64"),
        "-s": (-int(sines.max()), -int(sines.min()), "int32"),
    }


def program(
    operation: Op, operands: dict[str, Ends], constants: dict[str, Any], lengths: dict[str, int]
) -> Program:
    """One operation, whose operands are inputs."""
    one, zero = np.ones(1), np.zeros(1, np.int64)
    axes = ("time", "feature")
    values = {n: Value(n, lengths.get(n, 1), Format("int32", 1.0, *e)) for n, e in operands.items()}
    values["y"] = Value("y", lengths.get("y", 1), Format("int32", 1.0, *WIDE))
    ports = tuple(Port(n, n, axes, (-1, lengths.get(n, 1)), True, one, zero) for n in values)
    blocks = (Block("layer", 0, (operation,)),)
    sweeps = (FORWARD,)
    return Program(
        "net", "int8", ports[:-1], ports[-1:], (), values, constants, blocks, None, sweeps
    )


LARGEST = {
    "table": (op("table", n=16, table="t"), {"a": WIDE}, 32768, {}),
    "log": (op("log", table="t"), {"a": (1, 9)}, 65535, {}),
    "sum": (op("sum"), {"a": (-(2**30), 2**30 - 1)}, 0, {"a": 2}),
    "round_shift": (op("round_shift", n=31), {"a": (INT32_MIN, 2**30 - 1)}, 0, {}),
    "shift": (op("shift", n=-30), {"a": (-2, 1)}, 0, {}),
    "low_bits": (op("low_bits", n=31), {"a": WIDE}, 0, {}),
    "saturate": (op("saturate", n=31), {"a": WIDE}, 0, {}),
}
"""What just fits."""
BEYOND = {
    "table": ({}, {}, 32769),
    "log": ({}, {}, 65536),
    "sum": ({"a": 3}, {}, 0),
    "round_shift": ({}, {"a": (0, 2**30)}, 0),
    "shift": ({}, {"n": -31, "a": (0, 0)}, 0),
    "low_bits": ({}, {"n": 32}, 0),
    "saturate": ({}, {"n": 32}, 0),
}
"""Lengths, ends or n, and the way between two entries that are one too many."""


@pytest.mark.parametrize("kind", LARGEST)
def test_the_last_number_that_fits_is_proved_and_one_more_is_refused(kind: str) -> None:
    operation, operands, way, lengths = LARGEST[kind]

    def entries(step: int) -> dict[str, Any]:
        low = -((step + 1) // 2)
        numbers = np.where(np.arange(513) < 256, low, low + step)
        return {"t": numbers} if operation.table else {}

    prove(program(operation, operands, entries(way), lengths))
    more, ends, wider = BEYOND[kind]
    operation = replace(operation, n=ends.get("n", operation.n))
    ends = {name: range_ for name, range_ in ends.items() if name != "n"}
    with pytest.raises(InternalError, match=r"y may leave .* on the way"):
        prove(program(operation, {**operands, **ends}, entries(wider), {**lengths, **more}))


def test_the_refusal_says_what_is_reached() -> None:
    made = program(op("round_shift", n=4), {"a": (-9, INT32_MAX)}, {}, {})
    told = rf"net: y may leave int32 on the way: a \+ 8 reaches \[-1, {INT32_MAX + 8}\]"
    with pytest.raises(InternalError, match=told):
        prove(made)


def test_steps_end_to_end_are_counted_by_int32() -> None:
    """The last place that C computes is below steps * length, for a fixed number of steps."""
    made = program(op("saturate", n=8), {"a": WIDE}, {}, {"a": 8, "y": 8})
    proof = prove(made)
    assert proof.places == {"a": 8, "y": 8}
    assert proof.most_steps == INT32_MAX // 8
    assert f"up to {INT32_MAX // 8} steps at a time" in certificate(made, proof)
    prove(replace(made, steps=INT32_MAX // 8))
    with pytest.raises(ModelError, match="268,435,456 steps of 8 numbers are more than int32"):
        prove(replace(made, steps=INT32_MAX // 8 + 1))


def test_a_kernel_that_sums_up_what_it_multiplies_has_room_for_that() -> None:
    """Plain C does not sum it up."""
    fitting = Product(8, 32, 10, INT32_MAX)
    assert SMALL[0].fits(fitting)
    assert not SMALL[0].fits(replace(fitting, values=INT32_MAX + 1))
    assert PLAIN[0].fits(replace(fitting, values=INT32_MAX + 1))


def test_the_certificate_has_each_value_with_its_bound_and_why() -> None:
    made = program(op("round_shift", n=4), {"a": (-9, 30)}, {}, {})
    lines = certificate(made, prove(made)).splitlines()
    assert "  a: [-9, 30], 6 bits (Q5.0 in int8); anything" in lines
    assert "  y: [-1, 2], 3 bits (Q31.0 in int32); round_shift(a, n = 4)" in lines
    assert "      a + 8: [-1, 38] in int32, 7 of 32 bits" in lines
    assert "  y: a + 8: [-1, 38] in int32, 7 of 32 bits" in lines


def test_types_have_the_ends_that_c_gives_them() -> None:
    assert (INT16.low, INT16.high, INT16.bits) == (-32768, 32767, 16)
    assert (INT32.low, INT32.high, INT32.bits) == (-2147483648, 2147483647, 32)
    assert (INT64.low, INT64.high, INT64.bits) == (-(2**63), 2**63 - 1, 64)
    for holder in (INT16, INT32, INT64):
        assert Intermediate("a", holder.low, holder.high, holder).fits
        assert not Intermediate("a", holder.low - 1, 0, holder).fits
        assert not Intermediate("a", 0, holder.high + 1, holder).fits
    assert Intermediate("a", -64, 16384, INT16).use == 16384 / 32767
    assert Intermediate("a", -16384, 64, INT16).use == 0.5
    assert Intermediate("a", 5, 5, INT16).use == 5 / 32767
