"""How raw integers of a converter become stored numbers, as the templates print it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.dialects.term import in_parentheses
from lstm_edge.emit.spell import float_literal
from lstm_edge.emit.view import Constant
from lstm_edge.interpret.raw import RawInput, raw_constants
from lstm_edge.ir.program import Port, Program

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RawView:
    """Texts: literals, or array elements where features differ. meaning: the formula in words, of
    `stands_for`.

    multiplier, offset, shift: of an integer program; zero, scale: of float32.
    """

    stands_for: RawInput
    meaning: str
    multiplier: str = ""
    offset: str = ""
    shift: str = ""
    zero: str = ""
    scale: str = ""


def raw_view(
    program: Program, port: Port, name: str, raw: RawInput
) -> tuple[RawView, list[Constant]]:
    """The view of an input, and the arrays that its conversion needs."""
    meaning = f"(raw - {raw.zero:g}) * {raw.scale:g}" if raw.zero else f"raw * {raw.scale:g}"
    if program.is_float:
        zero, scale = in_parentheses(float_literal(raw.zero)), float_literal(raw.scale)
        return RawView(raw, meaning, zero=zero, scale=scale), []
    made = raw_constants(port, raw)
    constants: list[Constant] = []

    def text(numbers: Ints, what: str, ctype: str, comment: str) -> str:
        if np.all(numbers == numbers[0]):
            return f"INT64_C({numbers[0]})" if ctype == "int64_t" else str(numbers[0])
        array = f"{program.name}_{name}_raw_{what}"
        constants.append(Constant(array, ctype, numbers.shape, numbers, comment))
        return f"{array}[k]"

    view = RawView(
        raw,
        meaning,
        multiplier=text(made.multipliers, "multipliers", "int32_t", "stored units per raw step"),
        offset=text(made.offsets, "offsets", "int64_t", "where raw 0 is, and a half"),
        shift=text(made.shifts, "shifts", "int8_t", "fractional bits of both"),
    )
    return view, constants
