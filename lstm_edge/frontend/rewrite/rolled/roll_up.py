"""Graphs that hold each step of a sequence as nodes of its own become layers over sequences."""

from __future__ import annotations

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.reversals import remove_reversals
from lstm_edge.frontend.rewrite.rolled.stacks import join_steps
from lstm_edge.frontend.rewrite.rolled.unrolled import recognise_chains

RULES = (recognise_chains, join_steps, remove_reversals)


def roll_up(sketch: Graph) -> None:
    """Recognise layer after layer: the second reads what the first one's steps were joined to."""
    scope = sketch.snapshot()
    waiting = list(RULES)
    while waiting:
        if waiting.pop(0)(scope, sketch):
            scope = sketch.snapshot()
            waiting = list(RULES)
