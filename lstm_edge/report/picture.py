"""The network as boxes and arrows: finished places and texts for `network.svg.j2`."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.accuracy.text import plural
from lstm_edge.report.layered import Box, Placed, place
from lstm_edge.report.lettering import fitted
from lstm_edge.report.numbers import coordinate, share, whole
from lstm_edge.report.values import Network, Node

WIDTH, PORT_WIDTH = 168.0, 112.0
LAYER, PORT = 60.0, 32.0
BACKWARD = "←"
"""Behind a cell that goes from the last step to the first."""
GAP, BETWEEN, MARGIN = 10.0, 28.0, 3.0
LARGEST, SMALLEST = 1.3, 0.75
"""How far the picture may be scaled before its page scrolls it."""


@dataclass(frozen=True)
class BoxView:
    """A box. lines: texts beneath its name; full: all that it says, for who cannot see it. bar:
    width of its share of the cost.
    """

    role: str
    x: str
    y: str
    width: str
    height: str
    name: str
    lines: tuple[str, ...]
    full: str
    bar: str | None


@dataclass(frozen=True)
class Picture:
    """boxes, and edges as paths. widest, narrowest: in pixels, as it may be shown."""

    width: str
    height: str
    widest: str
    narrowest: str
    boxes: tuple[BoxView, ...]
    edges: tuple[str, ...]
    description: str


def picture_of(network: Network) -> Picture:
    """The picture of a network."""
    boxes = [
        Box(n.key, WIDTH, LAYER) if n.role == "layer" else Box(n.key, PORT_WIDTH, PORT)
        for n in network.nodes
    ]
    placed = place(boxes, network.edges, GAP, BETWEEN)
    views = tuple(_view(node, placed, network) for node in network.nodes)
    edges = tuple(_path(placed.ways[edge]) for edge in network.edges if edge in placed.ways)
    names = {node.key: node.name for node in network.nodes}
    flows = "; ".join(f"{names[a]} to {names[b]}" for a, b in network.edges)
    width = placed.width + 2 * MARGIN
    return Picture(
        coordinate(width),
        coordinate(placed.height + 2 * MARGIN),
        coordinate(LARGEST * width),
        coordinate(SMALLEST * width),
        views,
        edges,
        flows,
    )


def cost_of(node: Node, counted: bool) -> float:
    """What shares are taken of: instructions where they are known by layer, else MACs."""
    return (node.instructions or 0.0) if counted else node.macs


def is_counted(network: Network) -> bool:
    """True where instructions are known by layer."""
    return any(node.instructions is not None for node in network.layers)


def cost_total(network: Network) -> float:
    """Of all layers, and of what belongs to none."""
    counted = is_counted(network)
    parts = sum(cost_of(node, counted) for node in network.layers)
    return parts + (network.outside or 0.0 if counted else 0.0)


def _view(node: Node, placed: Placed, network: Network) -> BoxView:
    x, y = placed.places[node.key]
    layer = node.role == "layer"
    width, height = (WIDTH, LAYER) if layer else (PORT_WIDTH, PORT)
    cost, total = cost_of(node, is_counted(network)), cost_total(network)
    told = share(cost, total) if total else ""
    lines = _lines(node, told) if layer else (f"{node.units} {node.kind}",)
    bar = coordinate((width - 20) * cost / total) if layer and total else None
    size = 13.0 if layer else 12.0
    return BoxView(
        node.role,
        coordinate(x - width / 2 + MARGIN),
        coordinate(y + MARGIN),
        coordinate(width),
        coordinate(height),
        fitted(node.name, width - 20, size, bold=True),
        tuple(fitted(line, width - 20, 11.0) for line in lines),
        ", ".join((node.name, *lines)).replace(BACKWARD, "backward"),
        bar,
    )


def _lines(node: Node, told: str) -> tuple[str, ...]:
    """Cell, direction and units; MACs and the share of the whole."""
    way = f" {BACKWARD}" if node.backward else ""
    second = f"{whole(node.macs)} MACs" if node.macs else "no MACs"
    second = f"{second} · {told}" if told else second
    return (f"{node.kind}{way}, {node.units} {plural('unit', node.units)}", second)


def _path(way: list[tuple[float, float, float]]) -> str:
    """Smooth from rank to rank, straight beside boxes."""
    x, y, _ = way[0]
    parts = [f"M{coordinate(x + MARGIN)} {coordinate(y + MARGIN)}"]
    for k, (to_x, to_y, down) in enumerate(way[1:], 1):
        end = to_y - (4.0 if k == len(way) - 1 else 0.0)
        half = (y + end) / 2
        points = ((x, half), (to_x, half), (to_x, end))
        curve = " ".join(f"{coordinate(a + MARGIN)} {coordinate(b + MARGIN)}" for a, b in points)
        parts.append(f"C{curve}")
        x, y = to_x, end + down
        if down:
            parts.append(f"V{coordinate(y + MARGIN)}")
    return "".join(parts)
