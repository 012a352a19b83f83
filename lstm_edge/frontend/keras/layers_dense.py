"""Dense, Embedding, the normalizations, and what scales: products with constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.layers_activation import activation
from lstm_edge.frontend.keras.masks import of_ids
from lstm_edge.frontend.keras.net import Call, Doubles, Value
from lstm_edge.layers.embedding import MOST_ROWS

LEAST_DEVIATION = 1e-7
"""What Normalization divides by at least: Keras' epsilon."""


def dense(call: Call, x: Value) -> Value:
    """Dense, on each step, on a vector, or over all steps flattened; then its activation."""
    config = call.config
    config.check_known("units activation use_bias quantization_config")
    config.refuse("quantization_config", instead="save the float model: lstm-edge quantizes it")
    config.refuse("lora_rank", instead="merge the adapter before saving")
    units, biased = config.count("units"), config.flag("use_bias", True)
    kernel, *rest = call.weights.take("kernel", *(["bias"] if biased else []))
    bias = rest[0] if rest else np.zeros(units)
    if kernel.ndim != 2 or kernel.shape[1] != units or bias.shape != (units,):
        raise ModelError(
            call.label,
            f"its kernel is {list(kernel.shape)} and its bias {list(bias.shape)}, expected "
            f"[features, {units}] and [{units}]",
        )
    if x.shape[-1] not in (None, len(kernel)):
        raise ModelError(
            call.label, f"its kernel takes {len(kernel)} features, {_found(x, kernel)}"
        )
    kernel = _in_order(x, kernel)
    if len(x.shape) == 1:
        y = call.add("Gemm", x.name, kernel, bias)
    else:
        y = call.add("Add", call.add("MatMul", x.name, kernel), bias)
    made = Value(y, (*x.shape[:-1], units), x.turned and not x.flat)
    return activation(call, made, config.keys.get("activation"))


def _found(x: Value, kernel: Doubles) -> str:
    """What the input is, where it does not fit, and the length with which it would."""
    if len(x.flat) != 2:
        return f"but its input has {x.shape[-1]}"
    steps, rest = divmod(len(kernel), x.flat[1] or 1)
    hint = f"; give --steps {steps}" if steps and not rest else ""
    return f"but what is flattened is {x.flat[0]} steps of {x.flat[1]} features{hint}"


def _in_order(x: Value, kernel: Doubles) -> Doubles:
    """The kernel for steps in the order of the graph, where Keras has them the other way."""
    if not (x.turned and x.flat):
        return kernel
    features = x.flat[-1] or 1
    return kernel.reshape(len(kernel) // features, features, -1)[::-1].reshape(kernel.shape)


def embedding(call: Call, x: Value) -> Value:
    """Rows of the table in place of ids, which Keras may have as integers or as real numbers."""
    config = call.config
    config.check_known("input_dim output_dim mask_zero sparse quantization_config")
    config.refuse("quantization_config", instead="save the float model: lstm-edge quantizes it")
    rows, units = config.count("input_dim"), config.count("output_dim")
    (table,) = call.weights.take("embeddings")
    if table.shape != (rows, units) or rows > MOST_ROWS:
        raise ModelError(
            call.label,
            f"its table is {list(table.shape)}, expected {[rows, units]} of at most {MOST_ROWS} "
            "rows",
        )
    ids = call.net.ids(call.label, x, rows)
    mask = of_ids(call, ids.name, rows) if config.flag("mask_zero") else ""
    return Value(call.add("Gather", table, ids.name), (*ids.shape, units), mask=mask)


def affine(call: Call, x: Value, scale: Doubles, offset: Doubles) -> Value:
    """scale * x + offset, each one number or one for each feature."""
    if (scale == 1.0).all():
        return x if (offset == 0.0).all() else replace(x, name=call.add("Add", x.name, offset))
    if (offset == 0.0).all():
        return replace(x, name=call.add("Mul", x.name, scale))
    count = (call.features(x),)
    given = (scale, offset, np.zeros(1), np.ones(1))
    vectors = [np.ascontiguousarray(np.broadcast_to(one, count), np.float64) for one in given]
    return _normalized(call, x, vectors)


def _normalized(call: Call, x: Value, vectors: list[Doubles]) -> Value:
    """gamma * (x - mean) / sqrt(variance) + beta, each [features]."""
    swapped = [0, *range(2, len(x.shape) + 1), 1], [0, len(x.shape), *range(1, len(x.shape))]
    y = x.name if len(x.shape) == 1 else call.add("Transpose", x.name, perm=swapped[1])
    y = call.add("BatchNormalization", y, *vectors, epsilon=0.0)
    return replace(x, name=y if len(x.shape) == 1 else call.add("Transpose", y, perm=swapped[0]))


def batch_normalization(call: Call, x: Value) -> Value:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each feature."""
    config = call.config
    config.check_known(
        "axis momentum epsilon center scale renorm renorm_clipping renorm_momentum "
        "synchronized fused virtual_batch_size"
    )
    config.refuse("renorm", False, instead="train without it")
    found = _learned(call, x, "moving_mean", "moving_variance")
    squares = found["moving_variance"] + config.number("epsilon", 1e-3)
    if (squares <= 0.0).any():
        raise ModelError(
            call.label, "its moving_variance and epsilon do not add up to a number above 0"
        )
    none = np.zeros(call.features(x))
    gain, offset = found.get("gamma", none + 1.0), found.get("beta", none)
    return _normalized(call, x, [gain, offset, found["moving_mean"], squares])


def normalization(call: Call, x: Value) -> Value:
    """Normalization: (x - mean) / sqrt(variance), learned or given, of each feature or of all.

    With `invert` the way back.
    """
    config = call.config
    config.check_known("axis mean variance invert")
    axis, last = config.keys.get("axis", -1), call.last_axis(x)
    if axis not in (None, [], -1, last, [-1], [last]):
        raise config.unexpected("axis", "-1, the features', or None")
    if config.keys.get("mean") is None:
        mean, variance = call.weights.take("mean", "variance", unread="count")
    else:
        mean, variance = config.numbers("mean"), config.numbers("variance")
    size = call.features(x) if axis else 1
    for name, array in (("mean", mean), ("variance", variance)):
        if array.size not in (1, size):
            raise ModelError(call.label, f"its {name} is {list(array.shape)}, expected [{size}]")
    mean, variance = mean.reshape(-1), variance.reshape(-1)
    if (variance < 0.0).any():
        raise ModelError(call.label, "its variance is below 0")
    deviation = np.maximum(np.sqrt(variance), LEAST_DEVIATION)
    if config.flag("invert"):
        return affine(call, x, deviation, mean)
    return affine(call, x, 1.0 / deviation, -mean / deviation)


def unit_normalization(call: Call, x: Value) -> Value:
    """Each vector divided by its length."""
    call.config.check_known("axis")
    return unit_vectors(call, x)


def unit_vectors(call: Call, x: Value) -> Value:
    """Vectors of length 1, of which the option `axis` says that they are the features."""
    last = call.last_axis(x)
    call.config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    return replace(x, name=call.add("LpNormalization", x.name, axis=-1, p=2))


def rms_norm(call: Call, x: Value) -> Value:
    """scale * x / sqrt(mean(x^2) + epsilon) over the features of each vector."""
    config = call.config
    config.check_known("axis epsilon")
    last, features = call.last_axis(x), call.features(x)
    config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    (scale,) = call.weights.take("scale")
    if scale.shape != (features,):
        raise ModelError(call.label, f"its scale is {list(scale.shape)}, expected [{features}]")
    squares = call.add("Mul", x.name, x.name)
    mean = call.add("ReduceMean", squares, call.axes(-1), keepdims=1)
    root = call.add("Sqrt", call.add("Add", mean, config.number("epsilon", 1e-6)))
    return replace(x, name=call.add("Mul", call.add("Div", x.name, root), scale))


def layer_norm(call: Call, x: Value) -> Value:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the features of each vector."""
    config = call.config
    config.check_known("axis epsilon center scale rms_scaling")
    config.refuse("rms_scaling", False, instead="train with rms_scaling=False")
    epsilon = config.number("epsilon", 1e-3)
    if epsilon < 0.0:
        raise config.unexpected("epsilon", "a number from 0")
    found = _learned(call, x)
    given = [found.get("gamma", ""), found.get("beta", "")]
    y = call.add("LayerNormalization", x.name, *given, axis=-1, epsilon=epsilon)
    return replace(x, name=y)


def _learned(call: Call, x: Value, *names: str) -> dict[str, Doubles]:
    """gamma and beta, where the layer has them, and `names`: one number for each feature."""
    config = call.config
    last, features = call.last_axis(x), call.features(x)
    config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    own = ["gamma"] * config.flag("scale", True) + ["beta"] * config.flag("center", True)
    found = dict(zip([*own, *names], call.weights.take(*own, *names), strict=True))
    for name, array in found.items():
        if array.shape != (features,):
            raise ModelError(
                call.label, f"its {name} is {list(array.shape)}, expected [{features}]"
            )
    return found


def rescaling(call: Call, x: Value) -> Value:
    """Rescaling: scale * x + offset, by numbers."""
    call.config.check_known("scale offset")
    scale, offset = call.config.number("scale", 1.0), call.config.number("offset", 0.0)
    return affine(call, x, np.full(1, scale), np.full(1, offset))


def unchanged(call: Call, x: Value) -> Value:
    """Layers that only act in training."""
    call.config.check_known("rate noise_shape stddev data_format l1 l2 implementation")
    return x
