"""Armv7-M without the DSP extension (Cortex-M3): long products, saturation with a shift."""

from __future__ import annotations

from lstm_edge.emit.dialects.dialect import Dialect, Ints, Spelling, TableWords


def _words(entries: Ints, ways: Ints) -> Ints:
    """The entry in the upper half, the way to the next one in the lower."""
    return entries << 16 | (ways & 0xFFFF)


DIALECT = Dialect(
    name="armv7m",
    is_float=False,
    fuses=True,
    raised=16,
    ssat=True,
    spellings={
        "mulw": Spelling(
            "le_mulw({0.full}, {1.full})",
            "le_mulw",
            upper=Spelling("le_scale({0.full}, {1.high})", "le_scale"),
        ),
        "mulw_add": Spelling(
            "{0.full} + le_mulw({1.full}, {2.full})",
            "le_mulw",
            upper=Spelling("{0.full} + le_scale({1.full}, {2.high})", "le_scale"),
        ),
        "mulw_plus": Spelling(
            "le_mulw({0.full}, {1.full}) + {count}",
            "le_mulw",
            upper=Spelling("le_scale({0.full}, {1.high}) + {count}", "le_scale"),
        ),
        "mul_add": Spelling("{0.full} * {1.full} + {count}"),
    },
    tables=TableWords(_words, most_bits=15),
)
