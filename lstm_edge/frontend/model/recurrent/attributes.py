"""Attributes of LSTM, GRU and RNN as the ONNX specification defines them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lstm_edge.frontend.graph.node import LABELLED
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.functions import ACTIVATIONS, MORE, Activation, Function
from lstm_edge.ir.expr import Expr, sigmoid, tanh

LARGEST_CLIP = 1e6
"""A bound from here on bounds nothing: sigmoid and tanh have ended long before."""

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@dataclass(frozen=True)
class Kind:
    """What tells the three operators apart: their gates as ONNX stacks them, default functions."""

    name: str
    gates: str
    functions: tuple[str, ...]
    states: tuple[str, ...] = ("h",)


@dataclass(frozen=True)
class Settings:
    """directions: whether each is reversed. functions: those of each direction."""

    directions: tuple[bool, ...]
    functions: tuple[tuple[Function, ...], ...]
    clip: float
    batch_first: bool
    input_forget: bool
    linear_before_reset: bool


def settings_of(walk: Walk, node: OnnxNode, kind: Kind) -> Settings:
    """All attributes but hidden_size. Raises ModelError for values outside of the specification."""
    direction = node.attributes.get("direction", "forward")
    if direction not in _DIRECTIONS:
        raise node.error(f"attribute direction = {direction!r}, expected one of {[*_DIRECTIONS]}")
    directions = _DIRECTIONS[direction]
    functions = _functions(walk, node, list(kind.functions) * len(directions))
    each = len(kind.functions)
    return Settings(
        directions,
        tuple(tuple(functions[k : k + each]) for k in range(0, len(functions), each)),
        _clip(node),
        _flag(node, "layout"),
        _flag(node, "input_forget"),
        _flag(node, "linear_before_reset"),
    )


def _flag(node: OnnxNode, name: str) -> bool:
    value = node.attributes.get(name, 0)
    if value not in (0, 1):
        raise node.error(f"attribute {name} = {value}, neither 0 nor 1")
    return bool(value)


def _clip(node: OnnxNode) -> float:
    """The bound of pre-activations, 0.0 for none."""
    clip = float(node.attributes.get("clip", 0.0))
    if math.isnan(clip) or clip < 0.0:
        raise node.error(f"attribute clip = {clip:g}, expected a number above 0")
    return clip if clip < LARGEST_CLIP else 0.0


def _functions(walk: Walk, node: OnnxNode, defaults: list[str]) -> list[Function]:
    """Functions of all directions in order; alpha and beta go to those that take them. Layers of
    Keras have more functions than the specification.
    """
    names = node.attributes.get("activations") or defaults
    forms_of = ACTIVATIONS | MORE if node.label.startswith(LABELLED) else ACTIVATIONS
    known = {name.lower(): name for name in forms_of}
    unknown = [name for name in names if name.lower() not in known]
    if unknown or len(names) != len(defaults):
        raise node.error(
            f"attribute activations = {names}, expected {len(defaults)} of {', '.join(known)}"
        )
    forms = [forms_of[known[name.lower()]] for name in names]
    alphas = _parameters(walk, node, "activation_alpha", names, forms, 1)
    betas = _parameters(walk, node, "activation_beta", names, forms, 2)
    return [
        _function(known[name.lower()], form, alpha, beta)
        for name, form, alpha, beta in zip(names, forms, alphas, betas, strict=True)
    ]


def _parameters(
    walk: Walk,
    node: OnnxNode,
    attribute: str,
    names: list[str],
    forms: list[Activation],
    place: int,
) -> list[float]:
    """One number for each function, 0.0 for those that take none.

    An absent list means the defaults of the specification; a list has one entry for each function
    that takes the parameter, no more and no fewer.
    """
    given = [float(v) for v in node.attributes.get(attribute) or []]
    takers = [k for k, form in enumerate(forms) if form.parameters >= place]
    if given and len(given) != len(takers):
        raise node.error(
            f"attribute {attribute} has {len(given)} entries, but {len(takers)} of the functions "
            f"{names} take one; give one for each of these, in order"
        )
    if not all(math.isfinite(v) for v in given):
        raise node.error(f"attribute {attribute} = {given} is not finite")
    if given or not takers:
        return [given[takers.index(k)] if k in takers else 0.0 for k in range(len(forms))]
    defaults = [form.alpha if place == 1 else form.beta for form in forms]
    missing = [names[k] for k in takers if defaults[k] is None]
    if missing:
        raise node.error(f"attribute {attribute} is absent, but {missing[0]} needs it")
    walk.warnings.append(
        f"{node.label} has no {attribute}: the defaults of the ONNX specification are taken, where "
        "onnxruntime takes 0; write the attribute into the file where that is not what is meant"
    )
    return [value or 0.0 for value in defaults]


def _function(name: str, form: Activation, alpha: float, beta: float) -> Function:
    if name == "Sigmoid":
        return sigmoid
    if name == "Tanh":
        return tanh

    def function(x: Expr) -> Expr:
        return form.build(x, alpha, beta)

    return function
