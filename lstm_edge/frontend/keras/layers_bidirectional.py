"""Bidirectional: two recurrent layers over one sequence, one of them backward in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import Config, LayerConfig, layer_config, shown
from lstm_edge.frontend.keras.layers_dense import affine
from lstm_edge.frontend.keras.layers_merge import concatenate_all, pair_all
from lstm_edge.frontend.keras.layers_recurrent import LAYERS, recurrent
from lstm_edge.frontend.keras.net import Call, Value

_MERGES: Mapping[str, str] = {"sum": "Add", "ave": "Add", "mul": "Mul"}


def bidirectional(call: Call, x: Value, given: Sequence[Value] = ()) -> list[Value]:
    """Both results joined as merge_mode says, then the states of both with return_state.

    given: initial states, those of the forward layer first.
    """
    config = call.config
    config.check_known("layer backward_layer merge_mode")
    forward = _wrapped(call.layer, "layer")
    backward = _backward(call.layer, forward)
    _check_alike(config, forward, backward)
    half = len(given) // 2
    if len(given) % 2:
        raise ModelError(call.label, f"has {len(given)} initial states, expected as many each way")
    first = _side(call, forward, "forward_layer", x, given[:half])
    second = _side(call, backward, "backward_layer", x, given[half:])
    if forward.config.flag("return_sequences"):
        second[0] = replace(second[0], turned=not second[0].turned)
    mask = x.mask if forward.config.flag("return_sequences") else ""
    merged = [replace(y, mask=mask) for y in _merged(call, first[0], second[0])]
    return [*merged, *first[1:], *second[1:]]


def _wrapped(outer: LayerConfig, key: str) -> LayerConfig:
    config = outer.config
    layer = layer_config(config.keys.get(key), config.label, config.major)
    if layer.kind not in LAYERS:
        raise ModelError(
            config.label, f"wraps a layer of class {layer.kind!r}, expected {', '.join(LAYERS)}"
        )
    return layer.below(outer)


def _backward(outer: LayerConfig, forward: LayerConfig) -> LayerConfig:
    """The layer of its own that Keras 3 always writes, else the same with the other direction."""
    if outer.config.keys.get("backward_layer") is not None:
        return _wrapped(outer, "backward_layer")
    keys = dict(forward.config.keys)
    keys["go_backwards"] = not forward.config.flag("go_backwards")
    return replace(forward, config=replace(forward.config, keys=keys))


def _check_alike(config: Config, forward: LayerConfig, backward: LayerConfig) -> None:
    for option in ("return_sequences", "return_state"):
        if forward.config.flag(option) != backward.config.flag(option):
            raise ModelError(config.label, f"its two layers differ in option {option}")
    if forward.config.flag("go_backwards") == backward.config.flag("go_backwards"):
        raise ModelError(config.label, "its two layers have the same option go_backwards")


def _side(
    call: Call, layer: LayerConfig, part: str, x: Value, given: Sequence[Value]
) -> list[Value]:
    """One of the layers, of which Keras decides here what it gives for steps that do not count."""
    keys = {**layer.config.keys, "zero_output_for_mask": layer.config.flag("return_sequences")}
    layer = replace(layer, config=replace(layer.config, keys=keys))
    return recurrent(replace(call, layer=layer, weights=call.weights.child(part)), x, given)


def _merged(call: Call, first: Value, second: Value) -> list[Value]:
    mode = call.config.keys.get("merge_mode", "concat")
    if mode is None:
        return [first, second]
    if mode == "concat":
        return [concatenate_all(call, [first, second])]
    if not isinstance(mode, str) or mode not in _MERGES:
        raise ModelError(
            call.label,
            f"option merge_mode = {shown(mode)}, expected concat, {', '.join(_MERGES)} or None",
        )
    merged = pair_all(call, _MERGES[mode], [first, second])
    return [affine(call, merged, np.full(1, 0.5), np.zeros(1)) if mode == "ave" else merged]
