"""A program made by hand of all that is spelled for vectors of units, and numbers for it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.ir.program import Port, Program, State, Value
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import WideSpelling
from lstm_edge.passes.builder import Builder

WHOLE, DEAD = 20, 7
"""Units: of whole vectors only, and some of the last vector not there."""
STEPS = 60
COUNTS = range(23)
"""Fractional bits of what tables read."""


def formatted(low: int, high: int) -> Format:
    return Format("int32", 1.0, low, high)


MADE = {
    "a": formatted(INT32_MIN, INT32_MAX),
    "b": formatted(INT32_MIN, INT32_MAX),
    "at": formatted(INT32_MIN, INT32_MAX),
    "p": formatted(-(2**30), 2**30 - 1),
    "q": formatted(-(2**30), 2**30 - 1),
    "few": formatted(-(2**23), 2**23 - 1),
    "positive": formatted(1, INT32_MAX),
}
"""Values of up to 32 bits, each made of two inputs. Tables read `at`."""
INPUTS = {
    "m": Format("int16", 1.0, -(2**15), 2**15 - 1),
    "k": Format("int16", 1.0, -(2**15), 2**15 - 1),
    "to30": Format("int8", 1.0, 0, 30),
    "to31": Format("int8", 1.0, 0, 31),
}
"""The others."""
FORMATS = {**MADE, **INPUTS}


def variants() -> set[tuple[str, str]]:
    """(operation, field) of every spelling there is."""
    fields = WideSpelling.__dataclass_fields__
    spelled = {name: record.c_wide for name, record in OPERATIONS.items() if record.c_wide}
    return {(name, f) for name, wide in spelled.items() for f in fields if getattr(wide, f)}


def curves() -> dict[str, np.ndarray]:
    """Tables that rise, fall, are steep at their end, and whose lines do not fit into 16 bits."""
    x = np.arange(-256, 257)
    jagged = np.random.default_rng(1).integers(-(2**13), 2**13, 513)
    end = np.floor(3000 * np.tanh(x / 40) + 0.5).astype(np.int64)
    end[-1] = 2**15 - 1
    zigzag = np.where(x % 2 == 0, -(2**15), 2**15 - 1)
    return {
        "rising": np.floor(32766 * np.tanh(x / 40) + 0.5).astype(np.int64),
        "falling": -60 * x,
        "line_with_steep_end": np.where(x == 256, 25_690, 100 * x),
        "long_way_down": np.where(x == 256, -(2**15), 2 * x),
        "steep_end": end,
        "jagged": jagged,
        "jagged_flat_end": np.append(jagged[:-2], [77, 78]),
        "zigzag": zigzag,
    }


def _places(name: str) -> int:
    """How far a made value is shifted."""
    return 32 - (2 * FORMATS[name].high + 1).bit_length() if name != "positive" else 0


class Cases:
    """The program while cases are added. covered: result -> the operation and its variant. means:
    results that one instruction makes of two operations; not_means: those that look like it.
    """

    def __init__(self) -> None:
        self.b = Builder()
        self.results: list[Value] = []
        self.covered: dict[str, tuple[str, str]] = {}
        self.means: list[str] = []
        self.not_means: list[str] = []
        self.given = {n: self.b.value(n, WHOLE, f) for n, f in INPUTS.items()}
        self.given["one"] = self.b.value("one", 1, INPUTS["to30"])
        self.inputs = list(self.given.values())
        for name in MADE:
            self.given[name] = self._made(name)
        self.b.close_block("made", 0)

    def _made(self, name: str) -> Value:
        """A number of 32 bits, of two of 16; of more than are wanted the upper ones."""
        upper, lower = (
            self.b.value(f"{name}_{half}", WHOLE, INPUTS["m"]) for half in ("upper", "lower")
        )
        self.inputs += [upper, lower]
        positive = self.plain("add", (lower, self.number(2**15)))
        made = self.plain("add", (self.plain("shift", (upper,), n=-16), positive))
        if name == "positive":
            return self.plain("larger", (made, self.number(1)))
        return self.plain("shift", (made,), n=_places(name)) if _places(name) else made

    def number(self, value: int) -> Value:
        name = f"number_{value}".replace("-", "minus_")
        return self.b.vector(name, np.array([value]), formatted(value, value))

    def constant(self, name: str, numbers: np.ndarray) -> Value:
        return self.b.vector(name, numbers, formatted(int(numbers.min()), int(numbers.max())))

    def plain(self, kind: str, args: tuple[Value, ...], **more: Any) -> Value:
        """An operation whose result has the range that follows from its operands."""
        ends = [self._ends(arg) for arg in args]
        op = Op(kind, "", tuple(arg.name for arg in args), **more)
        bounds = OPERATIONS[kind].bounds
        assert bounds is not None
        low, high = bounds(op, ends, self.b.constants)
        fmt = formatted(int(low.min()), int(high.max()))
        length = 1 if OPERATIONS[kind].reduces else more.get("count")
        return self.b.emit(kind, f"{kind}_made", args, fmt, length=length, **more)

    def case(self, kind: str, variant: str, *args: Value, **more: Any) -> Value:
        """A result that is an output, in this spelling."""
        made = self.plain(kind, args, **more)
        self.covered[made.name] = (kind, variant)
        self.results.append(made)
        if kind not in ("max", "sum", "argmax") and len(self.covered) % 12 == 0:
            # Compilers take longer for one long function than for several short ones.
            self.b.close_block(f"part_{len(self.covered)}", 0)
        return made

    def _ends(self, arg: Value) -> tuple[np.ndarray, np.ndarray]:
        if arg.name in self.b.constants:
            numbers = self.b.constants[arg.name]
            return numbers, numbers
        return np.full(arg.length, arg.format.low), np.full(arg.length, arg.format.high)


def _of_two(c: Cases) -> None:
    """Sums, differences, products, limits: of vectors, of numbers on either side, of constants."""
    g = c.given
    for kind in ("add", "sub"):
        c.case(kind, "text", g["p"], g["q"])
    ends = (INT32_MIN, -(2**30), -1, 0, 12345, 2**30, INT32_MAX)
    for value in ends[1:-1]:
        c.case("add", "number", g["p"], c.number(value))
        c.case("add", "number", c.number(value), g["p"])
        c.case("sub", "number", g["p"], c.number(value))
    for value in (-(2**30), -1, 0, 2**30 - 1):
        c.case("sub", "from_number", c.number(value), g["p"])
    c.case("sub", "from_number", c.number(-1), g["a"])
    rng = np.random.default_rng(2)
    factors = rng.integers(-(2**15), 2**15, WHOLE)
    factors[:5] = (-(2**15), 2**15 - 1, -1, 0, 1)
    shared, alone = c.constant("shared", factors), c.constant("alone", factors)
    c.case("mul", "text", g["m"], g["k"])
    c.case("mul", "text", g["m"], shared)
    c.case("mulw", "text", g["a"], g["m"])
    c.case("mulw", "upper", g["a"], alone)
    c.case("mulw", "text", g["a"], shared)
    c.case("add", "text", g["p"], shared)
    for value in (-(2**15), -255, -1, 0, 1, 2**15 - 1):
        c.case("mul", "number", g["m"], c.number(value))
        c.case("mulw", "number", g["a"], c.number(value))
    wide = c.constant("wide", np.concatenate([ends, rng.integers(INT32_MIN, 2**31, WHOLE - 7)]))
    for kind in ("larger", "smaller", "above"):
        c.case(kind, "text", g["a"], g["b"])
        c.case(kind, "text", g["a"], wide)
        for value in ends:
            variant = "number" if kind == "above" else "text"
            c.case(kind, variant, g["a"], c.number(value))
    for other in (g["b"], wide, *map(c.number, ends)):
        c.case("select", "text", g["a"], other, g["p"], g["q"])
        c.case("select", "text", other, g["a"], g["q"], c.number(7))
    for dividend in (g["positive"], c.number(INT32_MAX), c.number(0)):
        c.case("divide", "text", dividend, g["positive"])
    c.b.close_block("two", 0)


def _shifts(c: Cases) -> None:
    g = c.given
    for n in range(1, 32):
        c.case("shift", "text", g["a"], n=n)
        c.case("round_shift", "text", g["p"], n=n)
        c.case("saturate", "text", g["a"], n=n)
        c.case("low_bits", "text", g["a"], n=n)
    c.case("saturate", "text", g["p"], n=30)
    c.case("shift", "none", g["a"], n=0)
    for n in (1, 7, 16):
        c.case("shift", "negative", g["m"], n=-n)
    for n in (1, 8):
        c.case("shift", "negative", g["few"], n=-n)
    c.case("headroom", "text", g["positive"])
    c.case("lift", "text", g["a"], g["to30"])
    c.case("drop", "text", g["a"], g["to31"])
    c.case("lift", "text", g["a"], g["one"])
    c.case("drop", "text", g["a"], g["one"])
    for n in (0, 1, 30):
        c.case("lift", "text", g["a"], c.number(n))
        c.case("drop", "text", g["a"], c.number(n + n // 30))
    c.b.close_block("shifts", 0)


def _means(c: Cases) -> None:
    """A number added and the sum halved, or half of it and a number; and what is almost that."""
    g = c.given
    least, most = -(2**30) + 1, 2**30 - 1

    def halved(value: Value, n: int = 1) -> Value:
        return c.plain("shift", (value,), n=n)

    def plus(*args: Value) -> Value:
        return c.plain("add", args)

    for value in (least, -1, 3, most):
        c.results += [halved(plus(g["p"], c.number(value))), halved(plus(c.number(value), g["p"]))]
        c.results += [plus(halved(g["a"]), c.number(value)), plus(c.number(value), halved(g["a"]))]
        c.means += [made.name for made in c.results[-4:]]
    twice = plus(g["p"], c.number(5))
    kept = halved(g["a"])
    c.results.append(kept)
    others = [halved(plus(g["p"], c.number(5)), 2), plus(halved(g["a"]), c.number(2**30))]
    others += [halved(twice), plus(twice, c.number(1)), plus(kept, c.number(3))]
    c.results += others
    c.not_means += [made.name for made in others]
    # Of three in a row two are one.
    c.results.append(plus(halved(plus(g["p"], c.number(9))), c.number(77)))
    c.results.append(halved(plus(halved(g["p"]), c.number(9))))
    c.b.close_block("means", 0)


def _tables(c: Cases) -> None:
    for name, entries in curves().items():
        table = c.b.constant(f"{name}_table", entries)
        steepest = int(np.abs(np.diff(entries)).max())
        for n in COUNTS:
            # The proof keeps a way times a fraction within 32 bits.
            if steepest * (2**n - 1) < 2**31:
                c.case("table", "text", c.given["at"], n=n, table=table)
        c.b.close_block(name, 0)


def _slices_and_reductions(c: Cases) -> None:
    """Results of reductions are numbers for all units of what comes later."""
    g = c.given
    some = c.case("slice", "text", g["a"], n=5, count=DEAD)
    small = c.plain("slice", (g["m"],), n=WHOLE - DEAD, count=DEAD)
    c.case("slice", "text", g["a"], n=3, count=12)
    backwards = np.arange(WHOLE)[::-1]
    for name, places in (("backwards", backwards), ("several", np.array([0, 19, 3, 3, 7, 0, 18]))):
        where = c.constant(name, places)
        for value in (g["a"], g["m"], g["to30"]):
            made = c.b.emit("gather", "gathered", (value, where), value.format, length=len(places))
            c.covered[made.name] = ("gather", "text")
            c.results.append(made)
    for kind in ("max", "sum"):
        c.case(kind, "text", g["few"])
        # Units that are not there have a 5, which must not count.
        c.case(kind, "dead", c.plain("add", (c.plain("shift", (some,), n=4), c.number(5))))
    c.case("max", "text", g["a"])
    c.case("max", "dead", some)
    for kind_of in ("text", "dead"):
        c.case("argmax", kind_of, g["a"] if kind_of == "text" else some)
    # The first of several.
    c.case("argmax", "text", c.plain("shift", (g["a"],), n=30))
    c.case("argmax", "dead", c.plain("shift", (some,), n=30))
    least = c.case("max", "dead", small)
    c.b.close_block("reductions", 0)
    c.case("mulw", "number", some, least)
    c.case("mul", "number", small, least)
    half = c.plain("shift", (some,), n=1)
    c.case("add", "number", half, least)
    c.case("add", "number", least, half)
    c.case("sub", "number", half, least)
    c.case("sub", "from_number", least, half)
    c.case("above", "number", some, least)
    c.case("larger", "text", some, least)
    c.case("headroom", "text", c.plain("larger", (some, c.number(1))))
    c.case("divide", "text", c.number(INT32_MAX), c.plain("larger", (some, c.number(1))))
    c.case("table", "text", some, n=9, table="rising_table")
    c.b.close_block("dead", 0)


def _rows_and_lengths(c: Cases) -> None:
    """Rows of tables, with a factor and without; what a length decides."""
    g = c.given
    rng = np.random.default_rng(4)
    for bits, limit in ((8, 2**7), (16, 2**15)):
        for length in (WHOLE, DEAD):
            rows = rng.integers(-limit, limit, (9, length))
            table = c.b.constant(f"rows_{bits}_{length}", rows)
            factors = c.b.constant(f"factors_{bits}_{length}", rng.integers(1, 2**15, 9))
            for bias in ("", factors):
                more = {"matrices": (table,), "bias": bias}
                op = Op("lookup", "", ("one",), count=bits, **more)
                ends = [c._ends(g["one"])]
                low, high = OPERATIONS["lookup"].bounds(op, ends, c.b.constants)
                fmt = formatted(int(low.min()), int(high.max()))
                made = c.b.emit(
                    "lookup", "looked_up", (g["one"],), fmt, length=length, count=bits, **more
                )
                c.covered[made.name] = ("lookup", "text")
                c.results.append(made)
    c.b.close_block("rows", 0)
    c.case("within", "number", g["a"], g["b"], g["one"])
    c.b.close_block("within", 0)


def _restart(c: Cases) -> State:
    """The largest so far."""
    so_far = c.b.value("so_far", WHOLE, MADE["a"])
    first = c.constant("first", np.arange(WHOLE) * 10**8 - 10**9)
    began = c.case("restart", "text", so_far, first)
    renewed = c.case("larger", "text", began, c.given["a"])
    c.b.close_block("restart", 0)
    return State("so_far", renewed.name, np.zeros(WHOLE, np.int64), accumulator=True)


def _port(value: Value) -> Port:
    ones, zeros = np.ones(value.length), np.zeros(value.length, np.int64)
    return Port(value.name, value.name, ("time", "feature"), (-1, value.length), True, ones, zeros)


@cache
def cases() -> Cases:
    """All of them; `program` has them, too."""
    return _made()[0]


@cache
def program() -> Program:
    return _made()[1]


@cache
def _made() -> tuple[Cases, Program]:
    c = Cases()
    for add in (_of_two, _shifts, _means, _tables, _slices_and_reductions, _rows_and_lengths):
        add(c)
    state = _restart(c)
    inputs, outputs = tuple(map(_port, c.inputs)), tuple(map(_port, c.results))
    rest = (c.b.values, c.b.constants, tuple(c.b.blocks), None)
    return c, Program("net", "int8", inputs, outputs, (state,), *rest)


def edges() -> dict[str, np.ndarray]:
    """[2 streams, 2 calls, steps, units]: both sides of all ends and powers, and numbers of all
    magnitudes; of int8 beyond the format, too.
    """
    rng = np.random.default_rng(3)
    shape = (2, 2, STEPS // 2, WHOLE)
    powers = np.array([s * 2**n + d for n in range(31) for s in (-1, 1) for d in (-1, 0, 1)])
    powers = np.concatenate([powers, [INT32_MIN, INT32_MIN + 1, INT32_MAX, 0]])
    drawn = {}
    for name, fmt in FORMATS.items():
        bits = int(fmt.stored_as.removeprefix("int"))
        ends = np.array([fmt.low, fmt.low + 1, fmt.high - 1, fmt.high])
        near = rng.choice(powers[(powers >= fmt.low) & (powers <= fmt.high)], shape)
        far = np.floor(rng.normal(size=shape) * 2.0 ** rng.integers(0, bits, shape))
        numbers = np.where(rng.random(shape) < 0.5, near, np.clip(far, fmt.low, fmt.high))
        numbers = np.where(rng.random(shape) < 0.1, rng.choice(ends, shape), numbers)
        if bits == 8:
            numbers = rng.integers(fmt.low - 2, fmt.high + 3, shape)
        drawn[name] = numbers.astype(np.int64)
    for name in ("a", "m", "few"):
        # The largest of a vector may lie below 0.
        drawn[name][:, :, ::4] = np.minimum(drawn[name], ~drawn[name])[:, :, ::4]
    a = drawn["a"]
    for left, right in (("a", "b"), ("m", "k"), ("p", "q")):
        drawn[left][0, 0, 0, :4] = drawn[right][0, 0, 0, :4] = FORMATS[left].low
        drawn[left][0, 0, 0, 4:8] = drawn[right][0, 0, 0, 4:8] = FORMATS[left].high
    close = np.clip(a + rng.integers(-1, 2, shape), INT32_MIN, INT32_MAX)
    drawn["b"] = np.where(rng.random(shape) < 0.3, close, drawn["b"])
    segments = np.array([-256, -255, -1, 0, 1, 2, 255, 256])[:, None, None] << np.array(COUNTS)
    all_ends = (segments + np.array([-1, 0, 1])[:, None]).flatten()
    places = (rng.integers(-258, 259, shape) << rng.choice(COUNTS, shape)) + rng.integers(
        -1, 2, shape
    )
    places = np.where(rng.random(shape) < 0.5, places, drawn["at"])
    places.reshape(-1)[: len(all_ends)] = all_ends
    drawn["at"] = rng.permutation(np.clip(places, INT32_MIN, INT32_MAX).reshape(-1)).reshape(shape)
    found = {name: drawn[name] for name in INPUTS}
    found["one"] = rng.permutation(drawn["to30"][..., :1], axis=2)
    for name in MADE:
        whole = drawn[name] << _places(name)
        found |= {f"{name}_upper": whole >> 16, f"{name}_lower": (whole & 0xFFFF) - 2**15}
    return found


def spelled_as(spelling: str) -> re.Pattern[str]:
    """What a text of this spelling looks like."""
    parts = re.split(r"(\{\w+\})", spelling)
    return re.compile("".join(".+" if p.startswith("{") else re.escape(p) for p in parts))
