"""Graph to graph: what exporters write out at length becomes the operator that it stands for.

A rewrite is a function in a file of its own that takes a `Graph`, changes it where it recognises
its form beyond doubt, and leaves everything else as it is: what no rewrite knows is then refused by
the table of operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.activations import activations
from lstm_edge.frontend.rewrite.averages import log_averages
from lstm_edge.frontend.rewrite.bases import fourier_bases
from lstm_edge.frontend.rewrite.branches import branches
from lstm_edge.frontend.rewrite.framed import framed
from lstm_edge.frontend.rewrite.free_loops import free_loops
from lstm_edge.frontend.rewrite.gains import gains
from lstm_edge.frontend.rewrite.half import read_halves
from lstm_edge.frontend.rewrite.joined_inputs import joined_inputs
from lstm_edge.frontend.rewrite.layer_norm import layer_norm
from lstm_edge.frontend.rewrite.pads import pads
from lstm_edge.frontend.rewrite.quantized.read import read_quantized
from lstm_edge.frontend.rewrite.repeats import repeats
from lstm_edge.frontend.rewrite.reversals import remove_reversals
from lstm_edge.frontend.rewrite.sorted_batch import unsort_batch
from lstm_edge.frontend.rewrite.spectra import spectra
from lstm_edge.frontend.rewrite.truncations import truncations
from lstm_edge.frontend.rewrite.wrong_export import (
    refuse_lost_projections,
    refuse_masks,
    refuse_shared_states,
)
from lstm_edge.frontend.step.lists import lists_of_steps
from lstm_edge.frontend.step.single import single_steps
from lstm_edge.frontend.step.unrolled import unrolled

REWRITES: tuple[Callable[[Graph], None], ...] = (
    branches,
    free_loops,
    read_halves,
    read_quantized,
    unsort_batch,
    lists_of_steps,  # before steps are turned around, as what a list has stays in their order
    remove_reversals,
    fourier_bases,
    framed,
    spectra,
    gains,
    log_averages,
    truncations,
    unrolled,
    single_steps,
    remove_reversals,
    layer_norm,
    activations,
    pads,
    repeats,
    joined_inputs,
    refuse_shared_states,
    refuse_masks,
    refuse_lost_projections,
    lists_of_steps,  # again, for results that nobody reads any more
)
"""In the order in which they are tried: formats of numbers first, then loops, then layers."""


def rewrite(graph: Graph, pairs: Mapping[str, str] | None = None) -> Graph:
    """The graph itself, with every known form replaced. Raises ModelError by the node's name.

    pairs: input -> output that is its next value, of a file of a single step, as the user says.
    """
    graph.pairs = dict(pairs or {})
    for change in REWRITES:
        change(graph)
    graph.prune()
    return graph
