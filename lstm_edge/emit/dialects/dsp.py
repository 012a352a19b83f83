"""The DSP extension (Cortex-M4, M7, M33): factors are halves of words, sums come with products."""

from __future__ import annotations

from lstm_edge.emit.dialects.dialect import Dialect, Ints, Spelling, TableWords


def _words(entries: Ints, ways: Ints) -> Ints:
    """The entry in the lower half, the way to the next one in the upper."""
    return (entries & 0xFFFF) | ways << 16


DIALECT = Dialect(
    name="dsp",
    is_float=False,
    fuses=True,
    pairs=True,
    ssat=True,
    spellings={
        "mulw": Spelling(
            "le_mulw({0.full}, {1.low})",
            "le_mulw",
            upper=Spelling("le_mulw_high({0.full}, {1.high})", "le_mulw_high"),
        ),
        "mulw_add": Spelling(
            "le_mulw_add({0.full}, {1.full}, {2.low})",
            "le_mulw_add",
            upper=Spelling("le_mulw_high_add({0.full}, {1.full}, {2.high})", "le_mulw_high_add"),
        ),
        "mulw_plus": Spelling(
            "le_mulw_add({count}, {0.full}, {1.low})",
            "le_mulw_add",
            upper=Spelling("le_mulw_high_add({count}, {0.full}, {1.high})", "le_mulw_high_add"),
        ),
        "mul": Spelling("le_mul({0.low}, {1.low})", "le_mul"),
        "mul_add": Spelling("le_mul_add({count}, {0.low}, {1.low})", "le_mul_add"),
    },
    tables=TableWords(_words, most_bits=16, half=True, scaled=True),
)
