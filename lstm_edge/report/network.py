"""The network of a bundle, layer by layer, with what each costs: from its programs alone."""

from __future__ import annotations

from collections.abc import Mapping

from lstm_edge.bundle import Bundle
from lstm_edge.ir.program import LOAD, ONCE, REVERSE, Block, Port, Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.macs import macs_by_layer
from lstm_edge.passes.schedule import Phase, schedule
from lstm_edge.profile.results import CallCost, LayerCost
from lstm_edge.report.values import Network, Node

GATES = (
    (frozenset("igo"), "LSTM"),
    (frozenset("zr"), "GRU"),
    (frozenset({"zh"}), "FastGRNN"),
    (frozenset("fn"), "MGU"),
    (frozenset("h"), "RNN"),
)
"""Gates that a matrix of the state makes, and the cell that has them; the first that fits."""


def network_of(bundle: Bundle, steps: int, counted: CallCost | None) -> Network:
    """Nodes and edges of a bundle's program.

    steps: of a sequence that MACs are told for. counted: what a call costs, by layer if that is
    known; MACs are those of such a call, else of a step.
    """
    program = bundle.program
    owner = _owners(program)
    macs = _macs(program, owner, steps)
    share = 1.0 / steps if counted is None or program.streams else 1.0
    costs: dict[str, list[LayerCost]] = {}
    for part in counted.layers if counted is not None else ():
        costs.setdefault(owner.get(part.name, ""), []).append(part)
    nodes = [
        Node(f"input {p.name}", "input", p.name, _kind(p), len(p.scale)) for p in program.inputs
    ]
    edges = []
    makes = {op.dest: block.layer for block in program.blocks for op in block.ops}
    for layer, reads in _reads(program).items():
        blocks = [b for b in program.blocks if b.layer == layer and b.sweep != LOAD]
        nodes.append(_layer(program, layer, blocks, macs[layer] * share, costs))
        edges += [(name, layer) for name in reads]
    for port in program.outputs:
        key = f"output {port.name}"
        nodes.append(Node(key, "output", port.name, _kind(port), len(port.scale)))
        edges.append((_source(program, port, makes.get(port.value, "")), key))
    _add_states(program, nodes, edges)
    outside = None
    if counted is not None and counted.layers:
        apart = sum(part.cost.instructions for part in costs.get("", ()))
        outside = counted.outside.instructions + apart
    known = {node.key for node in nodes}
    kept = [edge for edge in dict.fromkeys(edges) if known.issuperset(edge)]
    return Network(tuple(nodes), tuple(kept), outside)


def _reads(program: Program) -> dict[str, list[str]]:
    """Layer -> the layers and inputs that it reads, in the order of the program."""
    blocks = [block for block in program.blocks if block.sweep >= ONCE]
    makes = {op.dest: block.layer for block in blocks for op in block.ops}
    makes |= {port.value: f"input {port.name}" for port in program.inputs}
    found: dict[str, dict[str, None]] = {block.layer: {} for block in blocks}
    for block in blocks:
        names = (makes.get(name, block.layer) for op in block.ops for name in op.args)
        found[block.layer] |= dict.fromkeys(name for name in names if name != block.layer)
    return {layer: list(read) for layer, read in found.items()}


def _source(program: Program, port: Port, layer: str) -> str:
    """The layer that makes an output, or the input that is passed through to it."""
    passed = next((p.name for p in program.inputs if p.value == port.value), None)
    return layer if passed is None else f"input {passed}"


def _kind(port: Port) -> str:
    return "a step" if port.per_step else "a sequence"


def _owners(program: Program) -> dict[str, str]:
    """Phase -> the layer that it is a part of; copies between layers belong to none."""
    layer_of = {op.dest: block.layer for block in program.blocks for op in block.ops}
    found = {}
    for phase in schedule(program).phases:
        made = _made(phase)
        if made and phase.sweep != LOAD:
            found[phase.name] = layer_of.get(made, "")
    return found


def _made(phase: Phase) -> str:
    """A value that a phase computes; empty where it only copies."""
    return next((op.dest for op in (*phase.matvecs, *phase.ops, *phase.reductions)), "")


def _macs(program: Program, owner: Mapping[str, str], steps: int) -> dict[str, float]:
    """Layer -> MACs of a sequence of so many steps."""
    found = {block.layer: 0.0 for block in program.blocks}
    phases = schedule(program).phases
    for phase, macs in zip(phases, macs_by_layer(program, steps), strict=True):
        if phase.name in owner:
            found[owner[phase.name]] += macs
    return found


def _layer(
    program: Program,
    name: str,
    blocks: list[Block],
    macs: float,
    costs: Mapping[str, list[LayerCost]],
) -> Node:
    made = {op.dest for block in blocks for op in block.ops}
    kept = [s for s in program.states if s.next in made and s.goes_on]
    backward = any(b.sweep >= 0 and program.sweeps[b.sweep] == REVERSE for b in blocks)
    parts = costs.get(name)
    cycles = None
    if parts and all(part.cost.cycles is not None for part in parts):
        cycles = sum(part.cost.cycles or 0.0 for part in parts)
    return Node(
        name,
        "layer",
        name,
        _cell(name, blocks, program),
        max((program.values[value].length for value in made), default=0),
        backward and bool(kept),
        bool(kept),
        macs,
        sum(part.cost.instructions for part in parts) if parts else None,
        cycles,
    )


def _cell(name: str, blocks: list[Block], program: Program) -> str:
    """What a layer is, by the names of its matrices and by its operations."""
    ops = [op for block in blocks for op in block.ops]
    matrices = [m.removeprefix(f"{name}.") for op in ops for m in op.matrices]
    gates = {m.removeprefix("R_").partition("_")[0] for m in matrices if m.startswith("R_")}
    for some, cell in GATES:
        if some <= gates:
            return cell
    kinds = {op.kind for op in ops}
    if "lookup" in kinds:
        return "embedding"
    windows = any(s.accumulator and s.next in {op.dest for op in ops} for s in program.states)
    if any(OPERATIONS[kind].multiplies for kind in kinds):
        return "over time" if windows else "dense"
    if kinds and all(OPERATIONS[kind].placed for kind in kinds):
        return "concat"
    return "over time" if windows else "function"


def _add_states(program: Program, nodes: list[Node], edges: list[tuple[str, str]]) -> None:
    """Arrays of the user's that set states, and that show them."""
    layer_of = {op.dest: block.layer for block in program.blocks for op in block.ops}
    makes = {state.name: layer_of.get(state.next, "") for state in program.states}
    for port in program.state_inputs:
        key = f"input {port.name}"
        nodes.insert(0, Node(key, "state", port.name, "state in", _numbers(port.places)))
        edges += [(key, makes[state]) for state in port.places]
    for port in program.state_outputs:
        key = f"output {port.name}"
        nodes.append(Node(key, "state", port.name, "state out", _numbers(port.places)))
        edges += [(makes[state], key) for state in port.places]


def _numbers(places: Mapping[str, tuple[int, ...]]) -> int:
    return sum(len(each) for each in places.values())
