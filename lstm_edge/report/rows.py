"""Rows of a name, a figure and a bar: memory, time, cost by layer, used range. A bar is 100 wide
and stretched to its place, so it holds no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lstm_edge.accuracy.results import Accuracy, ValueAccuracy
from lstm_edge.accuracy.text import plural
from lstm_edge.report.numbers import coordinate, share, short, size, whole
from lstm_edge.report.picture import cost_of, cost_total, is_counted
from lstm_edge.report.values import CoreCost, Limits, Network

FULL = 100.0
FLASH_PARTS, RAM_PARTS = ("code", "weights", "tables", "library"), ("state", "scratch")
PALE = 5
"""The colour of what may be, or not."""
LOW_SHARE, HIGH_SHARE = 0.05, 0.95
"""Between these shares of the numbers lies the box of a used range."""


@dataclass(frozen=True)
class Part:
    """A piece of a bar: from x, so wide, in the colour of a number."""

    x: str
    width: str
    tone: int


@dataclass(frozen=True)
class Row:
    """limit: where on the bar the budget is. over: it is exceeded. note: in small print."""

    name: str
    figure: str
    parts: tuple[Part, ...]
    note: str = ""
    limit: str | None = None
    over: bool = False


@dataclass(frozen=True)
class Range:
    """A used range. Places on a bar of `bits` octaves: used: up to the largest number; box: where
    most numbers are, and their median. marks: where a bit ends.
    """

    name: str
    figure: str
    note: str
    used: str
    box: tuple[str, str]
    median: str
    marks: tuple[str, ...]


def _bar(
    name: str,
    pieces: Sequence[float],
    most: float,
    limit: float | None,
    figure: str,
    note: str = "",
) -> Row:
    """Pieces end to end, on a scale up to `most`."""
    unit = FULL / most if most else 0.0
    parts, x = [], 0.0
    for tone, amount in enumerate(pieces, 1):
        parts.append(Part(coordinate(x), coordinate(amount * unit), tone))
        x += amount * unit
    total = sum(pieces)
    at = None if limit is None else coordinate(min(limit * unit, FULL))
    return Row(name, figure, tuple(parts), note, at, limit is not None and total > limit)


def _told(rows: list[Row]) -> list[Row]:
    """A bar that is full because there is nothing to hold it against says nothing."""
    if len(rows) == 1 and rows[0].limit is None and sum(p.width != "0" for p in rows[0].parts) < 2:
        return [replace(rows[0], parts=())]
    return rows


def _against(figure: str, found: float, limit: float | None, text: str) -> str:
    """The figure, and what of a budget it takes."""
    if limit is None:
        return figure
    return f"{figure} of {text}, {share(found, limit) if limit else 'no budget'}"


def flash_rows(costs: Sequence[CoreCost], limits: Limits) -> list[Row]:
    """Flash of each core."""
    most = max([*(cost.flash for cost in costs), limits.flash or 0])
    rows = []
    for cost in costs:
        pieces = (cost.code or 0, cost.weights, cost.tables, cost.library)
        named = zip(FLASH_PARTS, pieces, strict=True)
        known = [f"{name} {amount:,}\u00a0B" for name, amount in named if amount]
        note = ", ".join(known)
        note += "; code unknown, its compiler is not installed" if cost.code is None else ""
        figure = _against(size(cost.flash), cost.flash, limits.flash, size(limits.flash or 0))
        rows.append(_bar(cost.target, pieces, most, limits.flash, figure, note))
    return _told(rows)


def ram_rows(costs: Sequence[CoreCost], limits: Limits) -> list[Row]:
    """RAM of each core, without the stack."""
    most = max([*(cost.ram for cost in costs), limits.ram or 0])
    rows = []
    for cost in costs:
        pieces = (cost.state, cost.scratch)
        named = zip(RAM_PARTS, pieces, strict=True)
        note = ", ".join(f"{name} {amount:,}\u00a0B" for name, amount in named)
        figure = _against(size(cost.ram), cost.ram, limits.ram, size(limits.ram or 0))
        rows.append(_bar(cost.target, pieces, most, limits.ram, figure, note))
    return _told(rows)


def stack_rows(costs: Sequence[CoreCost], limits: Limits) -> list[Row]:
    """The bound of the stack on each core."""
    most = max([*(cost.stack or 0 for cost in costs), limits.stack or 0])
    rows = []
    for cost in costs:
        if cost.stack is None:
            rows.append(Row(cost.target, "not known", (), cost.stack_note))
            continue
        text = size(limits.stack or 0)
        figure = _against(f"at most {size(cost.stack)}", cost.stack, limits.stack, text)
        rows.append(_bar(cost.target, [cost.stack], most, limits.stack, figure, cost.stack_note))
    return _told(rows)


def instruction_rows(costs: Sequence[CoreCost], limits: Limits) -> list[Row]:
    """Instructions of a step, or run, on each core: the mean, and pale what the longest takes more.

    A budget is held against the longest.
    """
    limit = limits.instructions
    scale = max([*(cost.most or cost.instructions or 0 for cost in costs), limit or 0])
    rows = []
    for cost in costs:
        mean, longest = cost.instructions, cost.most or cost.instructions
        if mean is None or longest is None:
            rows.append(Row(cost.target, "not known", (), "no hardware for float32"))
            continue
        figure = whole(mean) if cost.counted else f"about {whole(mean)}"
        notes = [f"at most {whole(longest)}"] if whole(longest) != whole(mean) else []
        if limit is not None:
            figure = _against(f"at most {whole(longest)}", longest, limit, whole(limit))
            notes = [f"{whole(mean)} on the mean"]
        notes += [f"{mean / cost.macs:.2f} per MAC"] if cost.macs else []
        pieces = (mean, longest - mean)
        rows.append(_pale(_bar(cost.target, pieces, scale, limit, figure, "; ".join(notes))))
    return _told(rows)


def cycle_rows(costs: Sequence[CoreCost], limits: Limits) -> list[Row]:
    """Cycles of a step, or run, where there is a model: the band beyond its low end is pale.

    A budget is held against the model's value for the longest call.
    """
    limit = limits.cycles
    known = [(cost, cost.cycles) for cost in costs if cost.cycles is not None]
    scale = max([*(band.high for _, band in known), limit or 0, 0])
    rows = []
    for cost, band in known:
        figure, longest = whole(band.value), cost.most_cycles or band.value
        note = f"{whole(band.low)} to {whole(band.high)}"
        if limit is not None:
            figure = _against(f"at most {whole(longest)}", longest, limit, whole(limit))
            note = f"{whole(band.value)} on the mean, {note}"
        note += f"; {band.value / cost.macs:.2f} per MAC" if cost.macs else ""
        pieces = (band.low, band.high - band.low)
        row = _bar(cost.target, pieces, scale, limit, figure, note)
        rows.append(replace(_pale(row), over=limit is not None and longest > limit))
    return _told(rows)


def _pale(row: Row) -> Row:
    """The second piece in the colour of what may be, or not."""
    first, second = row.parts
    return replace(row, parts=(first, replace(second, tone=PALE)))


def layer_rows(network: Network) -> list[Row]:
    """What each layer costs, in the order of computation."""
    counted, total = is_counted(network), cost_total(network)
    rows = []
    for node in network.layers:
        cost = cost_of(node, counted)
        figure = share(cost, total)
        note = f"{whole(node.macs)} MACs" if node.macs else "no MACs"
        note = note if cost or node.macs else "done in the loop of a layer before or behind it"
        if node.instructions is not None:
            note += f", {whole(node.instructions)} instructions"
        if node.cycles is not None:
            note += f", {whole(node.cycles)} cycles"
        rows.append(_bar(node.name, [cost], total, None, figure, note))
    if counted and network.outside:
        figure = share(network.outside, total)
        note = f"{whole(network.outside)} instructions"
        rows.append(_bar("outside of layers", [network.outside], total, None, figure, note))
    return rows


def range_rows(accuracy: Accuracy) -> list[Range]:
    """How every stored value of a layer uses its format."""
    found = []
    for layer in accuracy.layers:
        for value in layer.values:
            if sum(value.used.bins) and len(value.used.bins) > 1:
                found.append(_range(_value_name(layer.name, value), value))
    return found


def _value_name(layer: str, value: ValueAccuracy) -> str:
    return value.name if value.name.startswith(f"{layer}.") else f"{layer}.{value.name}"


def _range(name: str, value: ValueAccuracy) -> Range:
    used = value.used
    bits = len(used.bins) - 1
    ends = [_bits_below(used.bins, part) for part in (LOW_SHARE, 0.5, HIGH_SHARE)]
    places = [FULL * end / bits for end in ends]
    low = max(ends[0] - 1, 0) * FULL / bits
    low_real, high_real = used.low * value.scale, used.high * value.scale
    holds = 2.0**bits * value.scale
    bits_free = f"{used.unused_bits} {plural('bit', used.unused_bits)} of headroom"
    headroom = bits_free if used.unused_bits else "no headroom"
    return Range(
        name,
        headroom,
        f"{value.format}: holds ±{short(holds)}, used {short(low_real)} to {short(high_real)}",
        coordinate(FULL * (bits - used.unused_bits) / bits),
        (coordinate(low), coordinate(max(places[2] - low, 0.5))),
        coordinate(max(places[1] - FULL / bits / 2, 0.0)),
        tuple(coordinate(FULL * k / bits) for k in range(1, bits)),
    )


def _bits_below(bins: Sequence[int], part: float) -> int:
    """Bits of the magnitude that this share of the numbers does not go beyond."""
    wanted, seen = part * sum(bins), 0
    for k in range(len(bins) - 1, -1, -1):
        seen += bins[k]
        if seen >= wanted:
            return len(bins) - 1 - k
    return len(bins) - 1
