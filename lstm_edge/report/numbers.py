"""Numbers as a report writes them, the same on every page."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10

KIBI = 1024
SMALLEST = 1e-300
"""Range with more than one mark."""
LONGEST_TICK = 6
"""Letters for which there is room beside an axis."""


def whole(value: float) -> str:
    """`6,161`."""
    return f"{value:,.0f}"


def size(count: float) -> str:
    """`968 B`, `9.7 KiB`, `1.2 MiB`."""
    for factor, unit in ((KIBI**2, "MiB"), (KIBI, "KiB")):
        if count >= factor:
            return f"{count / factor:,.1f}\u00a0{unit}"
    return f"{count:,.0f}\u00a0B"


def short(value: float | None) -> str:
    """Three digits; a dash for what is not known."""
    if value is None or not isfinite(value):
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def share(part: float, all_of_it: float) -> str:
    """`98.7 %`."""
    if not all_of_it:
        return "0\u00a0%"
    percent = 100.0 * part / all_of_it
    if 0.0 < percent < 0.05:
        return "<\u00a00.1\u00a0%"
    return f"{percent:.0f}\u00a0%" if percent >= 99.95 or percent == 0 else f"{percent:.1f}\u00a0%"


def coordinate(value: float) -> str:
    """A place in a drawing, to a tenth."""
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def ticks(low: float, high: float, wanted: int = 4) -> tuple[float, ...]:
    """Round numbers in a range, about so many, and at least two."""
    if not high - low > SMALLEST:
        return (low,)
    while True:
        rough = (high - low) / wanted
        power = 10.0 ** floor(log10(rough))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
        found = range(ceil(low / step), floor(high / step) + 1)
        if len(found) > 1:
            return tuple(float(f"{k * step:.15g}") for k in found)
        wanted += 1


def tick_text(value: float) -> str:
    """A label of an axis."""
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    text = f"{value:g}"
    if len(text) <= LONGEST_TICK:
        return text
    digits, _, power = f"{value:e}".partition("e")
    return min(text, f"{float(digits):g}e{int(power)}", key=len)
