"""Layers that see several steps at once: 1-d convolution and pooling over time."""

from functools import reduce

from lstm_edge.ir.expr import Cell, affine, input_vector, larger, recent, tap
from lstm_edge.ir.model import Layer, Node, Work, is_a

CONV1D = "conv1d"
"""The name of a convolution's cell."""
LOWEST = -3.4028235e38
"""What lies around a sequence for a maximum: the most negative float32."""


def kept() -> Cell:
    """The vectors themselves: of a window that sees one and leaves out some."""
    return Cell("kept", {"y": input_vector("x")})


def hold() -> Cell:
    """The vector that came last."""
    return Cell("hold", {"y": input_vector("x")})


def is_copy(node: Node[Work]) -> bool:
    """Whether a node makes a copy of all steps."""
    return is_a(node, Layer) and node.op.cell.name == "kept" and node.op.window is None


def at_each_step() -> Cell:
    """A vector as it is: of a layer that reads no sequence and makes one."""
    return Cell("at_each_step", {"y": input_vector("x")})


def delayed() -> Cell:
    """The oldest vector of the window."""
    return Cell("delayed", {"y": tap(recent(input_vector("x")), 0)})


def conv1d() -> Cell:
    """W_y [units, kernel * features], the oldest vector first, and b_y [units]."""
    return Cell(CONV1D, {"y": affine("y", recent(input_vector("x")))})


def max_pool(kernel: int) -> Cell:
    """The largest of the last `kernel` vectors, feature by feature."""
    vectors = recent(input_vector("x"))
    return Cell("max_pool", {"y": reduce(larger, (tap(vectors, k) for k in range(kernel)))})


def average_pool(kernel: int) -> Cell:
    """The mean of the last `kernel` vectors, feature by feature."""
    vectors = recent(input_vector("x"))
    total = reduce(lambda a, b: a + b, (tap(vectors, k) for k in range(kernel)))
    return Cell("average_pool", {"y": total * (1.0 / kernel)})
