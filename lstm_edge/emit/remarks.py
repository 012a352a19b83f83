"""The comment behind a line of arithmetic: the equation that it computes, and the number format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_edge.formats import Format, fraction_bits, signed_bits
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op

RESCALED = ("mulw", "mulw_plus", "mulw_add", "drop", "table", "half_table", "lookup")
"""Operations behind which a number has the scale of its format, whatever was read."""


@dataclass(frozen=True)
class Remarks:
    """formats: value -> `Q0.15`, or the real value of 1; none where that differs by row or feature,
    and for counts.
    """

    program: Program
    formats: Mapping[str, str]

    def of(self, op: Op, text: str, most: int) -> str:
        """What to say behind `text`. most: letters of text and equation together."""
        equation = self.program.values[op.dest].comment
        if equation == text or len(equation) + len(text) > most:
            equation = ""
        return "; ".join(part for part in (equation, self.formats.get(op.dest, "")) if part)


def remarks(program: Program) -> Remarks:
    """Those of a program; float32 has no formats."""
    if program.is_float:
        return Remarks(program, {})
    values = program.values
    unknown = {
        port.value
        for port in program.inputs
        if port.limit
        or np.any(port.zero_point)
        or np.any(port.scale != values[port.value].format.scale)
    }
    formats: dict[str, str] = {}
    for op in (op for block in program.blocks for op in block.ops):
        record, fmt = OPERATIONS[op.kind], values[op.dest].format
        inherits = op.kind not in RESCALED and not record.multiplies
        if inherits and unknown.intersection(op.args):
            unknown.add(op.dest)
        elif op.dest not in program.row_scales and fmt.scale != 1.0:
            formats[op.dest] = format_text(fmt)
    return Remarks(program, formats)


def format_text(fmt: Format) -> str:
    """`Q3.12`, or the real value of 1; "" for float32."""
    if fmt.is_float:
        return ""
    fraction = fraction_bits(fmt.scale)
    if fraction is None or fraction < 0:
        return f"times {fmt.scale:.6g}"
    return f"Q{max(signed_bits(fmt.low, fmt.high) - 1 - fraction, 0)}.{fraction}"
