"""Graphs that hold each step of a sequence as nodes of its own become layers over sequences."""

from __future__ import annotations

from collections.abc import Callable

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.reversals import remove_reversals
from lstm_edge.frontend.rewrite.rolled.stacks import join_steps
from lstm_edge.frontend.rewrite.rolled.unrolled import recognise_chains, recognise_steps

Rule = Callable[[Graph, Graph], bool]


def roll_up(sketch: Graph) -> None:
    """Recognise layer after layer: the second reads what the first one's steps were joined to."""
    _apply(sketch, (remove_reversals,))


def known_steps(sketch: Graph) -> None:
    """Recognise single steps of a cell, whose states are no pairs of inputs and outputs."""
    _apply(sketch, (remove_reversals,))


def _apply(sketch: Graph, rules: tuple[Rule, ...]) -> None:
    scope = sketch.snapshot()
    waiting = list(rules)
    while waiting:
        if waiting.pop(0)(scope, sketch):
            scope = sketch.snapshot()
            waiting = list(rules)
