"""Claims of copies of vectors, as cores with the DSP extension or Helium make them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.proofs.helpers import Claim

COUNTS = (0, 3, 6, 11)
"""Numbers of a copy: no round and up to two of four, one of eight, and what is left."""


def _copy(name: str, kind: str, value: str, context: dict[str, tuple[int, ...]]) -> Iterator[Claim]:
    """to[k] is value, of any from[k]; nothing behind the last is written."""
    number = {"int16_t": "nondet_short()", "int8_t": "nondet_byte()"}[kind]
    for count in COUNTS:
        body = f"""
    {kind} from[{count + 1}];
    int16_t to[{count + 1}];
    for (int k = 0; k < {count}; k++) {{
        from[k] = {number};
    }}
    to[{count}] = 12345;
    {name}(from, to, {count});
    for (int k = 0; k < {count}; k++) {{
        CLAIM(to[k] == {value});
    }}
    CLAIM(to[{count}] == 12345);"""
        yield Claim(name, body, context=context, unwind=count + 9, dialects=("dsp", "mve"))


def _copies() -> Iterator[Claim]:
    for bits in (12, 16):
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        value = f"nearest(from[k], {low}, {high})"
        yield from _copy(f"le_take{bits}", "int16_t", value, {"takes": (bits,)})
    for places in (0, 4):
        value, context = f"from[k] * {1 << places}", {"widenings": (places,)}
        yield from _copy(f"le_widen{places}", "int8_t", value, context)


COPIES = tuple(_copies())
