"""How each operation is written in C. A test holds the names against `numerics.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstm_edge.ir.program import Op

INTEGER = {
    "mulw": "le_mulw({0}, {1})",
    "mul": "{0} * {1}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "shift": "{0} >> {n}",
    "round_shift": "({0} + {half}) >> {n}",
    "saturate": "le_clamp({0}, {low}, {high})",
    "larger": "le_larger({0}, {1})",
    "smaller": "le_smaller({0}, {1})",
    "above": "le_above({0}, {1})",
    "table": "le_table({table}, {0}, {n})",
    "divide": "{0} / {1}",
    "log": "le_log({table}, {0})",
    "headroom": "le_headroom({0})",
    "lift": "le_lift({0}, {1})",
    "drop": "{0} >> {1}",
    "rsqrt": "le_rsqrt({table}, {0})",
    "max": "le_larger({result}, {0})",
    "sum": "{result} + {0}",
    "restart": "step == 0 ? {1} : {0}",
    "within": "step < {2} ? {0} : {1}",
    "mean_over_steps": "le_mean({0}, {steps})",
    "slide": "{behind}{1}",
    "slice": "{0}",
    "argmax": "{0} > {best} ? {unit} : {result}",
    "lookup": "le_row({0}, {rows})",
}
"""Integer operations; matvecs are the kernels'. `result` is a reduction's value so far, `best` the
largest unit so far. The operand of a slice is the element that it takes.
Of a slide, what enters the window: the rest is `sliding.py`'s. Of a lookup, the number of
the row: the rest is `opening.py`'s.
"""

FLOAT = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "divide": "{0} / {1}",
    "sigmoid": "le_sigmoid({0})",
    "tanh": "le_tanh({0})",
    "elu_tail": "le_elu_tail({0})",
    "softplus_tail": "le_softplus_tail({0})",
    "softsign": "le_softsign({0})",
    "larger": "le_larger({0}, {1})",
    "smaller": "le_smaller({0}, {1})",
    "above": "le_above({0}, {1})",
    "exp": "le_exp({0})",
    "log": "le_log({0})",
    "rsqrt": "le_rsqrt({0})",
    "max": "le_larger({result}, {0})",
    "sum": "{result} + {0}",
    "restart": "step == 0 ? {1} : {0}",
    "within": "step < (int32_t){2} ? {0} : {1}",
    "mean_over_steps": "{0} / (float)({steps})",
    "slide": "{behind}{1}",
    "slice": "{0}",
    "argmax": "{0} > {best} ? {unit} : {result}",
    "lookup": "le_row({0}, {rows})",
}
"""Float operations."""

ELEMENTS = ("le_half",)
"""Helpers that read an element of a table; see `opening.py`."""

NEEDS = {
    "le_sigmoid": ("le_exp",),
    "le_tanh": ("le_exp",),
    "le_elu_tail": ("le_exp", "le_smaller"),
    "le_softplus_tail": ("le_exp", "le_log", "le_smaller"),
    "le_softsign": ("le_larger",),
}
"""Helpers that a helper calls."""


def spell(op: Op, args: Sequence[str], *, is_float: bool, **names: object) -> str:
    """The C expression of `op` on the texts of its operands.

    names: what the expressions above name in braces beside operands and what `op.n` gives.
    """
    if op.kind == "shift" and op.n < 0:
        return f"{args[0]} * {1 << -op.n}"
    text = (FLOAT if is_float else INTEGER)[op.kind]
    return text.format(
        *args,
        n=op.n,
        half=1 << max(op.n - 1, 0),
        low=-(1 << max(op.n - 1, 0)),
        high=(1 << max(op.n - 1, 0)) - 1,
        **names,
    )


def helpers_used(texts: Sequence[str]) -> frozenset[str]:
    """Names of the helper functions that occur in C expressions, with those that they call."""
    known = {t.split("(")[0] for t in (*INTEGER.values(), *FLOAT.values()) if t.startswith("le_")}
    known |= set(ELEMENTS)
    used = {name for name in known for text in texts if f"{name}(" in text}
    return frozenset(used.union(*(NEEDS.get(name, ()) for name in used)))


def integer_literal(number: int) -> str:
    """A C literal; the most negative int32 has none of its own."""
    return "(-2147483647 - 1)" if number == -(2**31) else str(int(number))


def float_literal(number: float) -> str:
    """A C literal that reads back as the same float32."""
    text = f"{np.float32(number):.9g}"
    return f"{text}f" if any(c in text for c in ".en") else f"{text}.0f"


def literal(number: float, is_float: bool) -> str:
    """A number in the program's number system."""
    return float_literal(number) if is_float else integer_literal(int(number))
