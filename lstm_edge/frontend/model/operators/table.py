"""The table of ONNX operators: what handles each, and every attribute that it knows.

An operator or attribute that is not here is refused by name. To support one, write its handler
in the file of its kind and add a line; what only rearranges constants belongs in fold.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.functions import COMPARED, FORMS
from lstm_edge.frontend.graph.node import OWN_DOMAIN
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.operators import (
    activation,
    argmax,
    arithmetic,
    elementwise,
    ids,
    join,
    linear,
    move,
    named_axes,
    normalize,
    pad,
    resize,
    select,
    spectrum,
    steps_by_number,
    upsample,
    window,
)
from lstm_edge.frontend.model.operators import reduce as reduction
from lstm_edge.frontend.model.operators.ids import run_ids, with_data
from lstm_edge.frontend.model.operators.side_by_side import as_vector, is_flat, run_parts
from lstm_edge.frontend.model.recurrent import layers as recurrent
from lstm_edge.frontend.model.walk import Foreign, OnnxNode, Value, Walk
from lstm_edge.frontend.step import loop as steps
from lstm_edge.frontend.step.repeated import repeat


@dataclass(frozen=True)
class Operator:
    """`run` gives the values of a node's outputs; `attributes`: those that it reads."""

    run: Callable[[Walk, OnnxNode], list[Value]]
    attributes: frozenset[str] = frozenset()


def _operator(run: Callable[[Walk, OnnxNode], list[Value]], attributes: str = "") -> Operator:
    return Operator(run, frozenset(attributes.split()))


_RECURRENT = "activation_alpha activation_beta activations clip direction hidden_size layout"
_WINDOW = "auto_pad dilations kernel_shape pads strides"

OPERATORS: Mapping[str, Operator] = {
    "LSTM": _operator(recurrent.lstm, f"{_RECURRENT} input_forget"),
    "GRU": _operator(recurrent.gru, f"{_RECURRENT} linear_before_reset"),
    "RNN": _operator(recurrent.rnn, _RECURRENT),
    "Gemm": _operator(linear.gemm, "alpha beta transA transB"),
    "MatMul": _operator(named_axes.matmul),
    "Einsum": _operator(named_axes.einsum, "equation"),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _operator(arithmetic.arithmetic)),
    "Neg": _operator(arithmetic.negative),
    **{op: Operator(elementwise.alone, frozenset(form.usual)) for op, form in FORMS.items()},
    **dict.fromkeys(COMPARED, _operator(elementwise.compared)),
    "Floor": _operator(elementwise.floor),
    "Mod": _operator(elementwise.remainder, "fmod"),
    "PRelu": _operator(elementwise.prelu),
    "Pow": _operator(elementwise.power),
    **dict.fromkeys(("Max", "Min"), _operator(elementwise.extreme)),
    "Where": _operator(elementwise.chosen),
    "IsNaN": _operator(elementwise.never),
    "IsInf": _operator(elementwise.never, "detect_negative detect_positive"),
    "Not": _operator(elementwise.negation),
    **dict.fromkeys(("And", "Or", "Xor"), _operator(elementwise.logical)),
    "Clip": _operator(activation.clip),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _operator(activation.softmax, "axis")),
    "ArgMax": _operator(argmax.argmax, "axis keepdims select_last_index"),
    "LayerNormalization": _operator(normalize.layer_norm, "axis epsilon single_axis stash_type"),
    "InstanceNormalization": _operator(normalize.instance_norm, "epsilon"),
    "BatchNormalization": _operator(normalize.batch_norm, "epsilon momentum training_mode"),
    "LpNormalization": _operator(normalize.lp_norm, "axis p"),
    "Identity": _operator(move.identity, "rows"),
    "Dropout": _operator(move.dropout, "seed"),
    "Cast": _operator(ids.cast, "to saturate"),
    "Expand": _operator(move.expand),
    "Tile": _operator(move.tile),
    "Transpose": _operator(move.transpose, "perm"),
    "Reshape": _operator(move.reshape, "allowzero"),
    "Flatten": _operator(move.flatten, "axis"),
    "Squeeze": _operator(move.squeeze),
    "Unsqueeze": _operator(move.unsqueeze),
    "Split": _operator(join.split, "axis num_outputs"),
    "Concat": _operator(join.concat, "axis"),
    "Pad": _operator(pad.pad, "mode"),
    "Gather": _operator(select.gather, "axis"),
    "GatherElements": _operator(steps_by_number.gather_elements, "axis"),
    "GatherND": _operator(select.gather_nd, "batch_dims"),
    "Slice": _operator(select.slice_),
    "Conv": _operator(window.conv, f"{_WINDOW} group"),
    "ConvTranspose": _operator(
        upsample.conv_transpose, f"{_WINDOW} group output_padding output_shape"
    ),
    "Resize": _operator(
        resize.resize,
        "antialias axes coordinate_transformation_mode cubic_coeff_a mode nearest_mode "
        "extrapolation_value exclude_outside keep_aspect_ratio_policy",
    ),
    "MaxPool": _operator(window.pool, f"{_WINDOW} ceil_mode storage_order"),
    "AveragePool": _operator(window.pool, f"{_WINDOW} ceil_mode count_include_pad"),
    **{
        name: _operator(reduction.reduce, "keepdims noop_with_empty_axes")
        for name in reduction.KINDS
        if name.startswith("Reduce")
    },
    "CumSum": _operator(reduction.cumulated, "exclusive reverse"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _operator(reduction.global_pool)),
    "STFT": _operator(spectrum.stft, "onesided"),
    "DFT": _operator(spectrum.dft, "inverse onesided"),
    "Loop": _operator(steps.loop, "body reverse"),
    "Scan": _operator(
        steps.scan,
        "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes "
        "scan_output_directions",
    ),
}

ML: Mapping[str, Operator] = {
    "Scaler": _operator(normalize.ml_scaler, "offset scale"),
    "Normalizer": _operator(normalize.ml_normalizer, "norm"),
}
"""Operators of the domain ai.onnx.ml, which scikit-learn's pipelines become."""

OWN: Mapping[str, Operator] = {
    "Step": _operator(steps.step, "after body counts"),
    "Repeat": _operator(repeat, "number"),
    "Frames": _operator(spectrum.frames, "begin frame frames hop"),
    "Power": _operator(spectrum.power),
    "LogAverage": _operator(spectrum.log_average, "axis eps first weight"),
    "Stack": _operator(steps.stack, "axis new_axis"),
}
"""Operators of the domain `OWN_DOMAIN`, which rewrites write."""

INSTEAD: Mapping[str, str] = {
    "If": "export with static shapes, so that no branch is left",
    "QuantizeLinear": "export the float model: lstm-edge quantizes it",
    "DequantizeLinear": "export the float model: lstm-edge quantizes it",
    "DynamicQuantizeLinear": "export the float model: lstm-edge quantizes it",
    "DynamicQuantizeLSTM": "export the float model: lstm-edge quantizes it",
    "TopK": "take the scores as the output, and the best of them in the firmware",
}
"""What to do about operators that users bring and that are not supported yet."""


_KEEP = ("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape")
"""Operators that leave an integer as it is."""


_OF_VECTORS = ("LayerNormalization", "LpNormalization", "LogSoftmax", "Softmax")
"""Operators that look at a whole vector, which may be all steps of a sequence side by side."""


OUTSIDE = (
    "write it with operators that are (docs/networks.md), or compile what is before it and what is "
    "after as two networks"
)
"""What to do about any other."""


def run_node(walk: Walk, node: OnnxNode, domain: str) -> list[Value]:
    """The values of a node's outputs; some input of it is data.

    Raises ModelError for an operator, attribute or domain that nothing here knows.
    """
    foreign = next((v for v in node.inputs if isinstance(v, Foreign)), None)
    counted = foreign is not None and foreign.counts is not None
    if foreign is not None and counted and node.op in _KEEP:
        return [foreign]
    if foreign is not None and not (counted and node.op in (*ids.RECURRENT, "GatherElements")):
        raise node.error(
            f"reads input {foreign.name!r} of type {foreign.kind}; inputs are float32, "
            "bool, or integers of 8 to 64 bits that are looked up or cast to float32: give it as "
            "one of these"
        )
    node = with_data(walk, node)
    integers = run_ids(walk, node) if domain in ("", "ai.onnx") else None
    if integers is not None:
        return integers
    tables = {"": OPERATORS, "ai.onnx": OPERATORS, "ai.onnx.ml": ML, OWN_DOMAIN: OWN}
    operator = tables.get(domain, {}).get(node.op)
    if operator is None:
        raise unsupported(node.label, node.op, domain)
    unknown = sorted(set(node.attributes) - operator.attributes)
    if unknown:
        raise node.error(
            f"attribute {unknown[0]} of {node.op} is not known to lstm-edge; it is "
            "newer: export with opset_version=20"
        )
    if node.op in _OF_VECTORS and isinstance(node.inputs[0], View):
        view = node.inputs[0]
        vector = as_vector(walk, view, node.label) if is_flat(walk, view) else None
        if vector is not None:
            walk.fix_time(node)
            node = replace(node, inputs=(vector, *node.inputs[1:]))
    if any(isinstance(v, View) and v.parts for v in node.inputs):
        return run_parts(walk, node, operator.run)
    return operator.run(walk, node)


def is_known(op: str, domain: str) -> bool:
    """Whether an operator of ONNX is in the table: of constants alone it is computed now."""
    return domain in ("", "ai.onnx") and op in OPERATORS and op not in ("Loop", "Scan")


def unsupported(label: str, op: str, domain: str) -> ModelError:
    """The error of an operator that is not in the table."""
    place = f" of domain {domain}" if domain not in ("", "ai.onnx") else ""
    way_out = INSTEAD.get(op, OUTSIDE)
    return ModelError(label, f"operator {op}{place} is not supported yet; {way_out}")
