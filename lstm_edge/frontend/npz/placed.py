"""What a state_dict has beside layers and Linears, where strings of the file say what it is for.

lstm_edge.order   "conv:conv1d(padding=1),bn:batch_norm,relu,lstm,ln:layer_norm,fc": prefixes in
                  the order of computation; behind a colon what a part is that has no layer's
                  names, with options; and functions between them
lstm_edge.use     "mean=input_subtract,std=input_divide,h0=first_h": what buffers are for, those
                  of the input and of the output in the order in which they are applied
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.convolution import convolved
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.npz.file import Array, weights_of
from lstm_edge.ir.clock import Length, Window
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.layers.activation import ELEMENTWISE
from lstm_edge.layers.normalize import layer_normalization, scale_layer

Doubles = npt.NDArray[np.float64]

ORDER, USE = "lstm_edge.order", "lstm_edge.use"
FUNCTIONS = (*ELEMENTWISE, "softmax", "log_softmax")
OPTIONS: Mapping[str, Mapping[str, float]] = {
    "batch_norm": {"eps": 1e-5},
    "layer_norm": {"eps": 1e-5},
    "conv1d": {"padding": 0, "stride": 1, "dilation": 1, "groups": 1},
}
"""Parts that `lstm_edge.order` places, and their options as PyTorch has them by default: whole
numbers where these are.
"""
MOST = 2**24
"""Of an option."""
_ARRAYS: Mapping[str, frozenset[str]] = {
    "batch_norm": frozenset(
        ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    ),
    "layer_norm": frozenset(("weight", "bias")),
    "conv1d": frozenset(("weight", "bias")),
}
ROLES = tuple(
    f"{port}_{what}"
    for port in ("input", "output")
    for what in ("add", "subtract", "multiply", "divide")
)
STATES = {"first_h": "h", "first_c": "c"}
UNUSED = "unused"
BY_NAME = {"h0": "first_h", "c0": "first_c", "h_0": "first_h", "c_0": "first_c"}
"""Names that tell what a buffer is for."""


@dataclass(frozen=True)
class Item:
    """A part in `lstm_edge.order`: kind "" for what its arrays tell; of a function no prefix."""

    prefix: str
    kind: str = ""
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """Arrays that strings of the file place. parts: prefix -> what -> array; buffers: role ->
    arrays with their names, in order.
    """

    items: tuple[Item, ...]
    parts: Mapping[str, Mapping[str, Array]]
    buffers: tuple[tuple[str, str, Array], ...]
    guesses: tuple[str, ...] = ()

    def scales(self, port: str) -> bool:
        """Whether buffers scale the input, or the output."""
        return any(role.startswith(port) for role, _, _ in self.buffers)

    @property
    def inputs(self) -> int:
        """Features of the input, where a placed part reads it first; else 0."""
        first = self.items[0] if self.items else Item("")
        arrays = self.parts.get(first.prefix, {})
        if first.kind == "conv1d" and arrays["weight"].ndim == 3:
            return int(arrays["weight"].shape[1] * first.options["groups"])
        return next((array.size for array in arrays.values() if array.size > 1), 0)

    @property
    def prefixes(self) -> str | None:
        """`lstm_edge.order` of the layers and Linears alone; None where the file has none."""
        names = [i.prefix for i in self.items if i.prefix and i.prefix not in self.parts]
        return ",".join(names) if self.items else None


def placed(arrays: dict[str, Array], words: Mapping[str, str]) -> Placed:
    """Take the arrays that strings place out of `arrays`. Raises ModelError for strings that name
    what is not there.
    """
    items = _items(words[ORDER], arrays) if ORDER in words else ()
    buffers = tuple(_buffers(arrays, words.get(USE, "")))
    parts: dict[str, dict[str, Array]] = {}
    for item in items:
        if item.kind in OPTIONS:
            own = [name for name in arrays if name.rpartition(".")[0] == item.prefix]
            unknown = [n for n in own if n.rpartition(".")[2] not in _ARRAYS[item.kind]]
            if not own or unknown:
                found = f"array {unknown[0]!r} is none of one" if unknown else "there are no arrays"
                raise ModelError(f"array {ORDER!r}", f"{item.prefix} is a {item.kind}, but {found}")
            parts[item.prefix] = {n.rpartition(".")[2]: arrays.pop(n) for n in own}
    named = [name for name in arrays if name.rpartition(".")[2] in BY_NAME]
    for name in named:
        buffers = (*buffers, (BY_NAME[name.rpartition(".")[2]], name, arrays.pop(name)))
    guesses = [
        f"array {name!r} is taken for the first states of the recurrent layers, by its name; say "
        f"what it is for in an array {USE!r}, as {name}=unused where nothing uses it"
        for name in named
    ]
    return Placed(items, parts, buffers, tuple(guesses))


def _items(text: str, arrays: Mapping[str, Array]) -> tuple[Item, ...]:
    return tuple(_item(word.strip(), arrays) for word in _split(text))


def _split(text: str) -> list[str]:
    """At commas that are not within brackets."""
    words, depth = [""], 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            words.append("")
        else:
            words[-1] += c
    return words


def _item(word: str, arrays: Mapping[str, Array]) -> Item:
    prefix, colon, rest = word.partition(":")
    if not colon:
        ours = any(name.rpartition(".")[0] == word for name in arrays)
        statistics = f"{word}.running_mean" in arrays
        if statistics:
            return Item(word, "batch_norm", OPTIONS["batch_norm"])
        return Item("", word) if word in FUNCTIONS and not ours else Item(word)
    kind, _, inside = rest.partition("(")
    if kind not in OPTIONS:
        raise ModelError(
            f"array {ORDER!r}", f"has {word!r}; expected one of {', '.join(OPTIONS)} behind a colon"
        )
    options = dict(OPTIONS[kind])
    for text in inside.rstrip(")").split(",") if inside else []:
        name, _, number = (part.strip() for part in text.partition("="))
        try:
            options[name] = type(options[name])(number)
        except (KeyError, ValueError):
            raise ModelError(
                f"array {ORDER!r}", f"has {word!r}; options of {kind} are {', '.join(options)}"
            ) from None
        if not 0 <= options[name] < MOST:
            raise ModelError(
                f"array {ORDER!r}", f"has {word!r}: expected {name} from 0 to below {MOST}"
            )
    return Item(prefix, kind, options)


def _buffers(arrays: dict[str, Array], text: str) -> list[tuple[str, str, Array]]:
    found = []
    for word in _split(text) if text.strip() else []:
        name, _, role = (part.strip() for part in word.partition("="))
        if role not in (*ROLES, *STATES, UNUSED):
            raise ModelError(
                f"array {USE!r}",
                f"has {word.strip()!r}; expected NAME=ROLE with a role of "
                f"{', '.join((*ROLES, *STATES, UNUSED))}",
            )
        if name not in arrays:
            raise ModelError(f"array {USE!r}", f"names {name!r}, which the file does not hold")
        found.append((role, name, arrays.pop(name)))
    return found


def scaled_port(draft: Draft, x: str, features: int, given: Placed, port: str) -> str:
    """`x` with the buffers of the input or of the output applied to it."""
    for role, name, array in given.buffers:
        if not role.startswith(port):
            continue
        numbers = weights_of(name, array, None).reshape(-1)
        if numbers.size not in (1, features):
            raise ModelError(
                f"array {name!r}", f"has {numbers.size} numbers, expected 1 or {features}"
            )
        gain, offset = np.ones(1), np.zeros(1)
        if role.endswith("divide") and not numbers.all():
            raise ModelError(f"array {name!r}", "is divided by, and holds 0")
        match role.partition("_")[2]:
            case "add":
                offset = numbers
            case "subtract":
                offset = -numbers
            case "multiply":
                gain = numbers
            case _:
                gain = 1.0 / numbers
        cell, params = scale_layer(gain, offset)
        x = draft.layer(cell.name, cell, x, features, params, f"array {name!r}")["y"]
    return x


def with_first_states(draft: Draft, given: Placed) -> None:
    """Recurrent layers start from the buffers that the file says are first states [layers *
    directions, 1, units], in the order of PyTorch.
    """
    for role, name, array in given.buffers:
        if role not in STATES:
            continue
        state, numbers = STATES[role], weights_of(name, array, None).reshape(-1)
        for k, node in enumerate(draft.nodes):
            if not is_a(node, Layer) or state not in node.op.cell.states:
                continue
            units = len(next(a for n, a in node.op.params.items() if n.startswith("b_")))
            if state == "h" and "R_hr" in node.op.params:
                units = len(node.op.params["R_hr"])
            first, numbers = numbers[:units].astype(np.float32), numbers[units:]
            if len(first) < units:
                raise ModelError(f"array {name!r}", f"is too short: {units} units are missing some")
            initial = {**node.op.initial, state: first}
            draft.nodes[k] = replace(node, op=replace(node.op, initial=initial))
        if len(numbers):
            raise ModelError(f"array {name!r}", f"has {len(numbers)} numbers more than states")


def placed_layer(
    draft: Draft, item: Item, arrays: Mapping[str, Array], x: str, length: Length
) -> tuple[str, int, Length]:
    """Append a part of its own; returns its result, its features, and the length after it."""
    label = f"array {item.prefix + '.' + next(iter(arrays))!r}"
    numbers = {
        what: weights_of(f"{item.prefix}.{what}", array, None)
        for what, array in arrays.items()
        if what != "num_batches_tracked"
    }
    if item.kind == "conv1d":
        return _convolution(draft, item, numbers, x, length, label)
    known = draft.size(x)
    size = known if known is not None else next(iter(numbers.values())).size
    wrong = next((what for what, a in numbers.items() if a.shape != (size,)), None)
    if wrong is not None:
        raise ModelError(
            f"array {item.prefix + '.' + wrong!r}",
            f"is {list(numbers[wrong].shape)}, expected [{size}]",
        )
    if item.kind == "layer_norm":
        cell = layer_normalization(item.options["eps"], "weight" in numbers, "bias" in numbers)
        names = {"weight": "gain", "bias": "offset"}
        params = {names[what]: a.astype(np.float32) for what, a in numbers.items()}
        return draft.layer("layer_norm", cell, x, size, params, label)["y"], size, length
    if not {"running_mean", "running_var"} <= set(numbers):
        raise ModelError(label, "has no running_mean and running_var beside it")
    variance = numbers["running_var"] + item.options["eps"]
    if variance.min() <= 0.0:
        raise ModelError(label, "has a running_var that is not positive")
    gain = numbers.get("weight", np.ones(size)) / np.sqrt(variance)
    offset = numbers.get("bias", np.zeros(size)) - numbers["running_mean"] * gain
    cell, params = scale_layer(gain, offset)
    return draft.layer(cell.name, cell, x, size, params, label)["y"], size, length


def _convolution(
    draft: Draft, item: Item, numbers: Mapping[str, Doubles], x: str, length: Length, label: str
) -> tuple[str, int, Length]:
    taps = numbers["weight"]
    options = {name: int(number) for name, number in item.options.items()}
    if taps.ndim != 3 or min(options.values()) < 0 or min(options["stride"], options["groups"]) < 1:
        raise ModelError(label, f"is no Conv1d: weight is {list(taps.shape)}, options {options}")
    units, features = len(taps), taps.shape[1] * options["groups"]
    known = draft.size(x)
    if units % options["groups"] or (known is not None and known != features):
        raise ModelError(label, f"takes {features} features, but the layer before gives {known}")
    draft.features[x] = features
    bias = numbers.get("bias", np.zeros(units))
    dilation = max(1, options["dilation"])
    seen = (taps.shape[2] - 1) * dilation + 1
    if options["padding"] >= seen:
        raise ModelError(label, f"pads {options['padding']} steps, as many as it sees ({seen})")
    window = Window(seen, options["stride"], options["padding"], options["padding"])
    y = convolved(draft, x, taps, bias, options["groups"], window, dilation, label)
    after = Length(2 * options["padding"] - seen, options["stride"])
    return y, units, length.then(after)
