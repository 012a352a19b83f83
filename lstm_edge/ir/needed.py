"""What is needed of an order of computation, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lstm_edge.ir.model import Node, Work

T = TypeVar("T")


def needed(
    items: Sequence[T],
    wanted: Iterable[str],
    reads: Callable[[T], Iterable[str]],
    makes: Callable[[T], Iterable[str]],
) -> tuple[list[T], set[str]]:
    """Those of `items` that names in `wanted` depend on, in their order, and all names that are
    wanted or read.
    """
    read, kept = set(wanted), []
    for item in reversed(items):
        if not read.isdisjoint(makes(item)):
            read.update(reads(item))
            kept.append(item)
    return kept[::-1], read


def needed_nodes(
    nodes: Sequence[Node[Work]], wanted: Iterable[str]
) -> tuple[list[Node[Work]], set[str]]:
    """The same of nodes of a model and its tensors."""
    return needed(nodes, wanted, lambda node: node.reads, lambda node: node.makes)
