"""The comment behind a line of arithmetic: the equation that it computes, and the number format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_edge.formats import Format, fraction_bits, signed_bits
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op


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
    formats: dict[str, str] = {}
    sums = {op.dest for op in program.products}
    for op in (op for block in program.blocks for op in block.ops):
        if program.decisions and op.kind == "shift" and op.n < 0 and op.args[0] in sums:
            continue  # in the scales of its weights, which may be replaced
        fmt = values[op.dest].format
        if fmt.is_uniform and fmt.scale != 1.0 and not OPERATIONS[op.kind].multiplies:
            formats[op.dest] = format_text(fmt)
    return Remarks(program, formats)


def format_text(fmt: Format) -> str:
    """`Q3.12`, or the real value of 1; "" for float32, and where numbers differ in it."""
    if fmt.is_float or not fmt.is_uniform:
        return ""
    fraction = fraction_bits(fmt.unit)
    if fraction is None or fraction < 0:
        return f"times {fmt.unit:.6g}"
    return f"Q{max(signed_bits(fmt.low, fmt.high) - 1 - fraction, 0)}.{fraction}"
