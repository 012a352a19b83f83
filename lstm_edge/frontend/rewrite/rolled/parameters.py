"""What all steps of a layer share: their weights as symbols to compare, then as W, R and B."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.rewrite.rolled.linear import Form, Term, matrix, vector
from lstm_edge.frontend.rewrite.rolled.step import Step

ORDER = {"LSTM": ("i", "o", "f", "c"), "GRU": ("z", "r", "h"), "RNN": ("h",)}
"""Gates as ONNX stacks them."""

Signature = tuple[object, ...]


@dataclass(frozen=True)
class Weights:
    """W [G*H, I], R [G*H, H] and the biases [G*H] of a layer, in float64 and ONNX's order."""

    input: Array
    recurrent: Array
    input_bias: Array
    recurrent_bias: Array

    @property
    def hidden(self) -> int:
        """Units."""
        return int(self.recurrent.shape[1])


def inputs_of(step: Step, h: str | None) -> tuple[str, ...]:
    """The leaves of a step apart from its own state, in the order in which its gates name them."""
    found = (t.leaf for form in step.forms.values() for t in form.terms if t.leaf != h)
    return tuple(dict.fromkeys(found))


def signature(scope: Graph, step: Step, h: str | None) -> Signature:
    """Equal for steps that compute the same function of their inputs and of their state `h`."""
    inputs = {leaf: k for k, leaf in enumerate(inputs_of(step, h))}
    gates = tuple(
        (gate, *_symbols(scope, step.forms[gate], inputs, h)) for gate in sorted(step.forms)
    )
    return (step.op, step.functions, step.after, gates)


def _symbols(
    scope: Graph, form: Form, inputs: dict[str, int], h: str | None
) -> tuple[tuple[object, ...], ...]:
    """Terms of the inputs, terms of the state, and constants, without regard to their order."""
    ours = sorted(repr((inputs[t.leaf], *_key(scope, t))) for t in form.terms if t.leaf != h)
    states = sorted(repr(_key(scope, t)) for t in form.terms if t.leaf == h)
    pieces = sorted(repr((scope.digest(p.constant), p.scale, p.columns)) for p in form.pieces)
    return tuple(ours), tuple(states), tuple(pieces)


def _key(scope: Graph, term: Term) -> tuple[object, ...]:
    weight = scope.digest(term.weight) if term.weight is not None else None
    return weight, term.transposed, term.scale, term.rows, term.columns


def weights_of(scope: Graph, step: Step, h: str | None) -> Weights | None:
    """The numbers of a step; None where the state or an input is not used as the cell does."""
    inputs = inputs_of(step, h)
    widths = [scope.width(leaf) for leaf in (*inputs, *([h] if h else ()))]
    if not inputs or h is None or None in widths or not _is_float(scope, step):
        return None
    width = {leaf: w for leaf, w in zip((*inputs, h), widths, strict=True) if w is not None}
    hidden = width[h]
    if not _roles_hold(step, h):
        return None
    rows = []
    for gate in ORDER[step.op]:
        form, acted = step.forms[gate], step.forms[_acted(step, gate)]
        blocks = [_total(scope, form, leaf, width[leaf], hidden) for leaf in inputs]
        blocks.append(_total(scope, acted, h, hidden, hidden))
        own = vector(scope, form.pieces, hidden)
        other = vector(scope, acted.pieces if acted is not form else (), hidden)
        kept = [block for block in blocks if block is not None]
        if len(kept) < len(blocks) or own is None or other is None:
            return None
        rows.append((np.concatenate(kept[:-1]).T, kept[-1].T, own, other))
    return Weights(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _acted(step: Step, gate: str) -> str:
    """The form that holds the recurrent part of a gate."""
    return "q" if step.after and gate == "h" else gate


def _roles_hold(step: Step, h: str) -> bool:
    """A reset gate that acts after the product acts on the state's part alone, and on all of it."""
    if set(step.forms) - {"q"} != set(ORDER[step.op]):
        return False
    if not step.after:
        return True
    return step.forms["q"].leaves == {h} and h not in step.forms["h"].leaves


def _total(scope: Graph, form: Form, leaf: str, width: int, hidden: int) -> Array | None:
    """The sum of the matrices that weigh a leaf, [width, H]; None where the sizes do not fit."""
    total = np.zeros((width, hidden))
    for term in form.terms:
        if term.leaf == leaf:
            part = matrix(scope, term, width)
            if part.shape != total.shape:
                return None
            total = total + part
    return total


def _is_float(scope: Graph, step: Step) -> bool:
    names = [t.weight for form in step.forms.values() for t in form.terms]
    names += [p.constant for form in step.forms.values() for p in form.pieces]
    arrays = [scope.constant(name) for name in set(names) if name is not None]
    return all(array is not None and array.dtype == np.float32 for array in arrays)


def first_state(
    scope: Graph, first: Step, model: Step, h: str
) -> tuple[str | None, Array | None] | None:
    """The state that a first step starts from: a leaf, or a vector where constants were folded.

    `model`: a later step of the layer, with its state `h`. None: it is not the same cell.
    """
    wanted = signature(scope, model, h)
    for leaf in sorted(first.leaves):
        if signature(scope, first, leaf) == wanted and first.h in (None, leaf):
            return leaf, None
    folded = _folded_state(scope, first, model, h)
    return None if folded is None else (None, folded)


def _folded_state(scope: Graph, first: Step, model: Step, h: str) -> Array | None:
    """The state of which the product with R was folded into the constants of a first step."""
    given = scope.constant(first.h) if first.h is not None else None
    if first.op != model.op or (first.h is not None and given is None):
        return None
    weights = weights_of(scope, model, h)
    if weights is None or not _same_inputs(scope, first, model, h):
        return None
    gates = [g for g in model.forms if g in first.forms]
    change = _change(scope, first, model, gates, weights.hidden)
    if change is None:
        return None
    if not change.any() and (given is None or not given.any()):
        return np.zeros(weights.hidden)
    whole = set(gates) == set(model.forms) and first.h not in first.leaves
    if not whole or (first.op == "GRU" and not model.after):
        return None
    return _solved(scope, model, h, change, given, weights.hidden)


def _change(scope: Graph, first: Step, model: Step, gates: list[str], hidden: int) -> Array | None:
    """What the constants of a first step have more than those of the others, gate by gate."""
    pairs = [
        [vector(scope, step.forms[gate].pieces, hidden) for step in (first, model)]
        for gate in gates
    ]
    known = [own - shared for own, shared in pairs if own is not None and shared is not None]
    return np.concatenate(known) if len(known) == len(gates) else None


def _solved(
    scope: Graph, model: Step, h: str, change: Array, given: Array | None, hidden: int
) -> Array | None:
    """The state whose products are `change`: `given`, or found and then tried."""
    blocks = [_total(scope, form, h, hidden, hidden) for form in model.forms.values()]
    products = np.concatenate([b for b in blocks if b is not None], axis=1)
    if given is None:
        state = np.linalg.lstsq(products.T, change, rcond=None)[0]
    else:
        state = given.reshape(-1, given.shape[-1])[0].astype(np.float64)
    error = np.abs(state @ products - change).max()
    return state if error <= 1e-5 * max(1.0, np.abs(change).max()) else None


def _same_inputs(scope: Graph, first: Step, model: Step, h: str) -> bool:
    """What a first step computes from its inputs is what `model` does; it may lack gates."""
    inputs = {leaf: k for k, leaf in enumerate(inputs_of(first, first.h))}
    theirs = {leaf: k for k, leaf in enumerate(inputs_of(model, h))}
    if not set(first.forms) <= set(model.forms) or len(inputs) != len(theirs):
        return False
    if first.functions != model.functions:
        return False
    return all(
        _symbols(scope, form, inputs, first.h)[0] == _symbols(scope, model.forms[g], theirs, h)[0]
        for g, form in first.forms.items()
    )
