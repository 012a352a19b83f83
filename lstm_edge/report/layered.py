"""Places for the boxes of a graph that flows from top to bottom, and ways for its edges.

Ranks by the longest way from a source; an edge over several ranks gets a lane in each; the order
within a rank follows the neighbours' (barycentres, Sugiyama et al. 1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Edge = tuple[str, str]
LANE = 12.0
"""Width that an edge takes where it passes boxes."""
SWEEPS = 8
PULL = 0.95
"""Towards the middle, so that a long chain behind a wide rank finds back to it."""


@dataclass(frozen=True)
class Box:
    """What has to be placed: its size."""

    key: str
    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """centres: of boxes, x and top. ways: of edges, points from top to bottom that they pass, each
    with the height over which they go straight down.
    """

    width: float
    height: float
    places: dict[str, tuple[float, float]]
    ways: dict[Edge, list[tuple[float, float, float]]]


@dataclass
class _Item:
    """A box, or the lane of an edge, in a rank."""

    key: str
    width: float
    x: float = 0.0
    above: list[_Item] = field(default_factory=list)
    below: list[_Item] = field(default_factory=list)


def place(boxes: Sequence[Box], edges: Sequence[Edge], gap: float, between: float) -> Placed:
    """gap: beside boxes. between: between ranks. Boxes come in an order of computation; an edge
    against it is laid out as if it went with it.
    """
    number = {box.key: k for k, box in enumerate(boxes)}
    down = {e: e if number[e[0]] <= number[e[1]] else (e[1], e[0]) for e in edges}
    straight = [e for e in dict.fromkeys(down.values()) if e[0] != e[1]]
    rank = _ranks(boxes, straight)
    rows, lanes = _rows(boxes, straight, rank)
    _order(rows)
    _centre(rows, gap)
    left = min(item.x - item.width / 2 for row in rows for item in row)
    right = max(item.x + item.width / 2 for row in rows for item in row)
    size = {box.key: box for box in boxes}
    tall = [max((size[i.key].height for i in row if i.key in size), default=0.0) for row in rows]
    tops = [sum(tall[:r]) + r * between for r in range(len(rows))]
    x_of = {item.key: item.x - left for row in rows for item in row}
    places = {
        box.key: (x_of[box.key], tops[rank[box.key]] + (tall[rank[box.key]] - box.height) / 2)
        for box in boxes
    }
    ways = {}
    for edge, way in down.items():
        if edge[0] == edge[1]:
            continue
        (x0, y0), (x1, y1) = places[way[0]], places[way[1]]
        passed = [
            (x_of[key], tops[r], tall[r]) for r, key in enumerate(lanes[way], rank[way[0]] + 1)
        ]
        ways[edge] = [(x0, y0 + size[way[0]].height, 0.0), *passed, (x1, y1, 0.0)]
    return Placed(right - left, tops[-1] + tall[-1], places, ways)


def _ranks(boxes: Sequence[Box], edges: Sequence[Edge]) -> dict[str, int]:
    """The longest way from a source; sources right above the first that reads them."""
    rank = {box.key: 0 for box in boxes}
    for box in boxes:
        before = [rank[a] + 1 for a, b in edges if b == box.key]
        rank[box.key] = max(before, default=0)
    for box in boxes:
        after = [rank[b] - 1 for a, b in edges if a == box.key]
        if after and not any(b == box.key for _, b in edges):
            rank[box.key] = min(after)
    return rank


def _rows(
    boxes: Sequence[Box], edges: Sequence[Edge], rank: dict[str, int]
) -> tuple[list[list[_Item]], dict[Edge, list[str]]]:
    """Items by rank, joined to their neighbours, and the keys of each edge's lanes."""
    rows: list[list[_Item]] = [[] for _ in range(max(rank.values(), default=0) + 1)]
    items = {box.key: _Item(box.key, box.width) for box in boxes}
    for box in boxes:
        rows[rank[box.key]].append(items[box.key])
    lanes: dict[Edge, list[str]] = {}
    for n, (a, b) in enumerate(edges):
        last, keys = items[a], []
        for r in range(rank[a] + 1, rank[b]):
            lane = _Item(f"\0{n}.{r}", LANE)
            rows[r].append(lane)
            keys.append(lane.key)
            _join(last, lane)
            last = lane
        _join(last, items[b])
        lanes[a, b] = keys
    return rows, lanes


def _join(above: _Item, below: _Item) -> None:
    above.below.append(below)
    below.above.append(above)


def _order(rows: list[list[_Item]]) -> None:
    """Fewer crossings: rows downwards by what is above them, then upwards, again and again."""
    for row in rows:
        for k, item in enumerate(row):
            item.x = float(k)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {
                item.key: _mean([n.x for n in (item.below if sweep % 2 else item.above)], item.x)
                for item in row
            }
            row.sort(key=lambda item: wanted[item.key])
            for k, item in enumerate(row):
                item.x = k - (len(row) - 1) / 2


def _centre(rows: list[list[_Item]], gap: float) -> None:
    """Items near the mean of their neighbours, none over another."""
    for row in rows:
        _spread(row, [0.0] * len(row), gap)
    for _ in range(4 * SWEEPS):
        for row in (*rows, *reversed(rows)):
            wanted = [PULL * _mean([n.x for n in (*i.above, *i.below)], i.x) for i in row]
            _spread(row, wanted, gap)


def _spread(row: list[_Item], wanted: list[float], gap: float) -> None:
    """The mean of the leftmost and the rightmost way to give each its place."""
    forward, backward = list(wanted), list(wanted)
    for k in range(1, len(row)):
        apart = (row[k - 1].width + row[k].width) / 2 + gap
        forward[k] = max(wanted[k], forward[k - 1] + apart)
    for k in range(len(row) - 2, -1, -1):
        apart = (row[k].width + row[k + 1].width) / 2 + gap
        backward[k] = min(wanted[k], backward[k + 1] - apart)
    for item, a, b in zip(row, forward, backward, strict=True):
        item.x = (a + b) / 2


def _mean(numbers: list[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
