"""Armv6-M (Cortex-M0, M0+): no long product, no saturation, eight registers."""

from __future__ import annotations

from lstm_edge.emit.dialects.dialect import Dialect, Ints, Spelling, TableWords


def _words(entries: Ints, ways: Ints) -> Ints:
    """The entry in the lower half, the way to the next one in the upper."""
    return (entries & 0xFFFF) | ways << 16


DIALECT = Dialect(
    name="armv6m",
    is_float=False,
    fuses=True,
    ssat=True,
    spellings={
        "mulw": Spelling("le_mulw({0.full}, {1.full})", "le_mulw"),
        "mulw_add": Spelling("{0.full} + le_mulw({1.full}, {2.full})", "le_mulw"),
        "mulw_plus": Spelling("le_mulw({0.full}, {1.full}) + {count}", "le_mulw"),
        "mul_add": Spelling("{0.full} * {1.full} + {count}"),
    },
    tables=TableWords(_words, most_bits=15, halves=False),
)
