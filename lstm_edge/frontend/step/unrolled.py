"""Unrolled repetitions become one node: a recurrent step that is done for each step of a sequence.

Whatever the step computes. A graph is read as symbols from where it cuts a tensor into its steps
(`region.py`) to where their results are joined or leave one by one (`finder.py`). What the steps
repeat is the body (`repeat.py`); all steps and all results are compared with it (`trace.py`). The
rest of the graph reads the node's results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, label_of
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.step.clock import BACKWARD, FORWARD
from lstm_edge.frontend.step.cuts import Cut, cuts_of
from lstm_edge.frontend.step.finder import Finder, Found
from lstm_edge.frontend.step.outer import LAYERS
from lstm_edge.frontend.step.publish import Publisher
from lstm_edge.frontend.step.region import Region, left_of
from lstm_edge.frontend.step.repeat import NoRepetition
from lstm_edge.frontend.step.repetition import RepeatedInput, RepeatedResult, Repetition
from lstm_edge.frontend.step.rows import NotRows, RowsDiffer
from lstm_edge.frontend.step.symbols import leaves_of
from lstm_edge.frontend.step.trace import Differs

ROWS = 2
"""Of an open batch, to tell its axis from others."""


def unrolled(sketch: Graph) -> None:
    """Put a node `Repeat` in the place of each unrolled repetition.

    Raises ModelError where one step of a repetition is another one.
    """
    tried: set[Cut] = set()
    while True:
        scope = sketch.snapshot()
        cuts = [cut for cut in cuts_of(scope) if cut not in tried and _is_sized(scope, cut)]
        if not cuts:
            return
        group = _first(scope, cuts)
        before = [cut for cut in cuts_of(scope) if cut in tried and cut.steps == group[0].steps]
        tried.update(group)
        # what a group depends on may be cut for the same steps
        both = [*group, *(cut for cut in _apart(before) if cut not in group)]
        if _replaced(scope, sketch, group) or (before and _replaced(scope, sketch, both)):
            tried.clear()
            sketch.prune()


def _is_sized(scope: Graph, cut: Cut) -> bool:
    """Whether all sizes of a step are known but that of the batch, which is not the last axis where
    another one may be the batch.
    """
    left = left_of(scope, cut)
    opened = sum(not isinstance(size, int) for size in left)
    return opened == 0 or (opened == 1 and (isinstance(left[-1], int) or 1 not in left))


def _first(scope: Graph, cuts: Sequence[Cut]) -> list[Cut]:
    """Cuts of one number of steps that do not depend on others: what is repeated over them."""
    below: dict[str, set[str]] = {cut.tensor: set() for cut in cuts}
    depends: dict[str, set[str]] = {}
    for node in scope.nodes:
        found: set[str] = set()
        for name in node.input:
            found |= depends.get(name, set())
            found |= {name} if name in below else set()
        for name in node.output:
            if found:
                depends[name] = found
    roots = [cut for cut in cuts if not depends.get(cut.tensor)]
    return _apart([cut for cut in roots if cut.steps == roots[0].steps])


def _apart(cuts: Sequence[Cut]) -> list[Cut]:
    """One cut of each tensor."""
    seen: dict[str, Cut] = {}
    for cut in cuts:
        seen.setdefault(cut.tensor, cut)
    return list(seen.values())


def _replaced(scope: Graph, sketch: Graph, cuts: Sequence[Cut]) -> bool:
    """Replace what is repeated over the steps of some tensors; tells whether anything was."""
    region, kept = _opened(scope, cuts)
    if region is None:
        region = _region(scope, cuts)
        kept = _repetitions(region, scope)
    why = region.refused or region.differs
    if why is not None:
        sketch.unread.update(dict.fromkeys(region.labels(), why))
    if region.differs is not None and region.differs.node not in {e.node for e in sketch.unlike}:
        sketch.unlike.append(region.differs)
    names: set[str] = set()
    for found in kept:  # what is of both ways is given by the first
        ends = [end for end in found.ends if end.name not in names]
        names.update(end.name for end in ends)
        if ends:
            _place(sketch, region, replace(found, ends=ends))
    return bool(kept)


def _repetitions(region: Region, scope: Graph) -> list[Found]:
    """What is repeated, each way. Raises ModelError for a step that differs."""
    layered = _is_layered(scope, region.cuts)
    ways = {"forward": [FORWARD], "backward": [BACKWARD], "both": [FORWARD, BACKWARD]}
    all_found = [_found(region, way) for way in ways[region.clock.order]]
    return [f for f in all_found if f and (_recurs(f) if f.states else layered)]


def _recurs(found: Found) -> bool:
    """Whether a step with states does more than to keep what it reads for the end: what each step
    alone computes, and heads of their own behind the last one, are no repetition.
    """
    states = {state.leaf for state in found.states}
    computed = [leaves_of(state.after) for state in found.states]
    inside = [own for own in computed if not own <= states]
    own = set().union(*(found.leaves.below(leaves) for leaves in inside))
    early = any(end.parts.axis is not None for end in found.ends)
    return early or not own.isdisjoint(states)


def _opened(scope: Graph, cuts: Sequence[Cut]) -> tuple[Region | None, list[Found]]:
    """The nodes around the steps of a batch of any size, and what is repeated; None where that is
    not the same for any size.
    """
    sizes = {(*left_of(scope, cut), None)[0] for cut in cuts}
    name = sizes.pop()
    if sizes or not isinstance(name, str):
        return None, []
    try:
        region = Region(scope, cuts, ROWS, name)
        kept = _repetitions(region, scope)
    except (NotRows, ModelError):
        return None, []
    return (region, kept) if kept else (None, [])


def _region(scope: Graph, cuts: Sequence[Cut]) -> Region:
    """The nodes around the steps, row by row where there is a batch."""
    unlike = ""
    sizes = {(*left_of(scope, cut), None)[0] for cut in cuts}
    rows = sizes.pop()
    if not sizes and isinstance(rows, int) and rows > 1:
        try:
            return Region(scope, cuts, rows)
        except RowsDiffer as error:
            unlike = error.node
        except NotRows:  # an axis of features, as any other
            pass
    return Region(scope, cuts, unlike=unlike)


def _found(region: Region, way: int) -> Found | None:
    """The repetition of one way. Where there is none, steps that are alike but for their numbers
    are compared, to say what differs where nothing else can read them.
    """
    best: Found | None = None
    for loose in (False, True):
        try:
            finder = Finder(region, way, loose)
            found = finder.found()
        except NoRepetition:
            continue
        except Differs as error:
            if loose:
                _note(region, error)
            continue
        best = best or found
        if found is not None and found.states and not finder.left:
            return found
    return best


def _check_batch(region: Region) -> None:
    """Refuse a repetition of which the rows of a batch are not alike."""
    if region.unlike:
        raise ModelError(
            region.unlike,
            "computes something else for each row of a batch, in an unrolled loop: their weights "
            "or their initial states differ; export it with a batch of 1",
        )


def _note(region: Region, error: Differs) -> None:
    """Note which step of a repetition differs."""
    node = region.makers.get(error.leaf)
    if node is None:
        return
    _check_batch(region)
    region.differs = ModelError(
        label_of(node),
        f"step {error.step + 1} of {region.steps} of an unrolled loop differs from the others: it "
        f"{error.what}; every step must be the same network. What steps compute of their own "
        "number alone (a clock, t % period, a position), or of a state that no input renews, such "
        "a file has as constants, others in each step: export a Loop (torch.jit.script), a Scan, "
        "or a single step with its states, a count among them, as inputs and outputs",
    )


def _is_layered(scope: Graph, cuts: Sequence[Cut]) -> bool:
    """True where the steps are those of a recurrent layer: what each goes through may have no state
    of its own.
    """
    waiting = [cut.tensor for cut in cuts]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        node = scope.makers.get(name)
        if node is None or name in seen:
            continue
        if node.op_type in LAYERS:
            return True
        seen.add(name)
        waiting += node.input
    return False


def _place(sketch: Graph, region: Region, found: Found) -> None:
    """Put the node in, and what makes the tensors of the file of its results."""
    old = {o: node for node in region.nodes for o in node.output if o}
    first = old[found.ends[0].name]
    _check_batch(region)
    patch = Patch(sketch, first.name or first.output[0])
    results: list[RepeatedResult] = []
    names: list[str] = []
    for end in found.ends:
        publisher = Publisher(patch, end, region, found.backward)
        result = publisher.result()
        same = next((k for k, r in enumerate(results) if _alike(r, result)), None)
        if same is None:
            results.append(result)
            names.append(sketch.fresh("repeat"))
            shape = publisher.shape(result)
            sketch.tell_shape(names[-1], tuple(shape))
            same = len(results) - 1
        publisher.publish(names[same], results[same])
    inputs = [RepeatedInput(leaf, region.inputs[k].axis) for k, leaf in found.inputs.items()]
    tensors = [region.inputs[k].tensor for k in found.inputs]
    inputs += [RepeatedInput(leaf, None) for leaf in found.same.values()]
    tensors += found.same
    starts = [s.initial for s in found.states if isinstance(s.initial, str)]
    node = helper.make_node(
        "Repeat",
        [*tensors, *starts],
        names,
        name=patch.name,
        domain=OWN_DOMAIN,
        number=len(sketch.repetitions),
    )
    rows = 1 if region.opened else region.rows
    sketch.repetitions.append(
        Repetition(found.leaves, found.backward, rows, inputs, found.states, results)
    )
    for end in found.ends:
        maker = old[end.name]
        place = list(maker.output).index(end.name)
        maker.output[place] = sketch.fresh("unrolled")
    last = old[found.ends[-1].name]
    sketch.replace([last], [last, node, *patch.nodes])


def _alike(one: RepeatedResult, other: RepeatedResult) -> bool:
    same = one.axis == other.axis and one.numbers.shape == other.numbers.shape
    return same and one.numbers.same_as(other.numbers)
