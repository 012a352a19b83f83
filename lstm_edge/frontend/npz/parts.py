"""Parts of a network by the names of its arrays: layers of nn.LSTM, nn.GRU, nn.RNN; nn.Linear."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.layout import Array
from lstm_edge.frontend.npz.file import weights_of

_RECURRENT = re.compile(
    r"(?P<prefix>.*?)(?P<what>(weight|bias)_(ih|hh|hr))_l(?P<layer>\d{1,3})"
    r"(?P<reverse>_reverse)?\Z"
)
_LINEAR = re.compile(r"(?P<prefix>.*)\.(?P<what>weight|bias)\Z")

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
EXPORT = "export the network to ONNX instead, with torch.onnx.export(net.eval(), ...)"


@dataclass(frozen=True)
class Part:
    """One direction of a recurrent layer, or one Linear: `layer` None.

    `arrays` by what they are, `names` for messages.
    """

    prefix: str
    layer: int | None
    reverse: bool
    arrays: dict[str, Array]
    names: dict[str, str]

    @property
    def label(self) -> str:
        """How messages name the part."""
        return next(iter(self.names.values()))

    @property
    def is_torch(self) -> bool:
        """Whether it is a layer of PyTorch, and none of a cell that the file names."""
        return any(what in self.arrays for what in ("weight", "bias", "weight_ih", "weight_hh"))

    def same_layer(self, other: Part) -> bool:
        """Whether both are directions of one layer."""
        return (self.prefix, self.layer) == (other.prefix, other.layer)

    def require(self, *whats: str) -> None:
        """Refuse the part unless it has the arrays `whats`."""
        for what in whats:
            if what not in self.arrays:
                raise ModelError(
                    self.label, f"has no {what} beside it; was a part of it not saved?"
                )


def parts_of(arrays: dict[str, Array], named: bool = False) -> list[Part]:
    """Group the arrays into layers, in the order of the file. named: whether the file names a cell;
    then arrays of PyTorch's names are none of its parameters, and all others are.
    """
    own = _prefixes_of_cells(arrays) if named else frozenset[str]()
    _check_all_used(arrays, own)
    parts: dict[tuple[str, int | None, bool], Part] = {}
    for name, array in arrays.items():
        prefix, layer, reverse, what = _parse_name(name, own)
        part = parts.setdefault((prefix, layer, reverse), Part(prefix, layer, reverse, {}, {}))
        rank = 2 if what.startswith("weight") else 1
        part.arrays[what] = weights_of(name, array, None if prefix in own else rank)
        part.names[what] = f"array {name!r}"
    _check_numbers(list(parts.values()))
    return _sorted_layers(list(parts.values()))


def _check_numbers(parts: list[Part]) -> None:
    """ModelError where layers of one nn.LSTM are not all there: those left make another network."""
    for part in parts:
        below = (part.prefix, (part.layer or 0) - 1)
        if part.layer and not any((other.prefix, other.layer) == below for other in parts):
            raise ModelError(
                part.label,
                f"is of layer {part.layer}, and no array is of layer {part.layer - 1}, which it "
                "reads; save the whole state_dict",
            )


def _prefixes_of_cells(arrays: dict[str, Array]) -> frozenset[str]:
    """Prefixes of which some name is none of PyTorch's."""
    found = (
        name.rpartition(".")[0]
        for name in arrays
        if not (_RECURRENT.match(name) or _LINEAR.match(name))
    )
    return frozenset(found)


def _parse_name(name: str, own: frozenset[str]) -> tuple[str, int | None, bool, str]:
    """(prefix, recurrent layer or None, reverse, what) of an array's name. own: prefixes of cells
    that the file names.
    """
    prefix, _, what = name.rpartition(".")
    if prefix in own:
        return prefix, 0, False, what
    match = _RECURRENT.match(name)
    if match:
        return match["prefix"], int(match["layer"]), bool(match["reverse"]), match["what"]
    match = _LINEAR.match(name)
    if match:
        return match["prefix"], None, False, match["what"]
    raise ModelError(
        f"array {name!r}",
        "is no weight of an LSTM, GRU, RNN or Linear of PyTorch, and a state_dict does not say "
        "what forward() does with it: say it in an array 'lstm_edge.use', as "
        f"{name}=input_multiply (or input_subtract, input_divide, first_h, unused ...), or "
        f"{EXPORT.replace(' instead', '')}",
    )


def _check_all_used(arrays: dict[str, Array], own: frozenset[str]) -> None:
    """Refuse normalizations, by the array that tells: a state_dict does not say where they are."""
    for name in arrays:
        prefix, _, what = name.rpartition(".")
        if what in _STATISTICS:
            raise ModelError(
                f"array {name!r}",
                f"belongs to a BatchNorm, {prefix!r}, which changes what the network computes; a "
                f"state_dict does not say where it is: say it in 'lstm_edge.order', as "
                f'"{prefix},lstm,fc", or {EXPORT}',
            )
    for name, array in arrays.items():
        match = _LINEAR.match(name)
        if match and match["what"] == "weight" and array.ndim == 1 and match["prefix"] not in own:
            raise ModelError(
                f"array {name!r}",
                f"is a vector of {array.size} numbers, not the matrix of a Linear: of a LayerNorm, "
                "a BatchNorm or a PReLU, which change what the network computes. A state_dict "
                "does not say where they are: say it in 'lstm_edge.order', as "
                f'"lstm,{match["prefix"]}:layer_norm,fc", or {EXPORT}',
            )


def _sorted_layers(parts: list[Part]) -> list[Part]:
    """Layers of one nn.LSTM by number, forward first; parts else stay in order."""
    first = {part.prefix: k for k, part in reversed(list(enumerate(parts)))}
    return sorted(
        parts, key=lambda p: (first[p.prefix], -1 if p.layer is None else p.layer, p.reverse)
    )


def layers_of(parts: list[Part]) -> list[list[Part]]:
    """Parts in order, the two directions of a layer together."""
    layers: list[list[Part]] = []
    for part in parts:
        if layers and part.reverse and layers[-1][0].same_layer(part):
            layers[-1].append(part)
        else:
            layers.append([part])
    return layers


def ordered(parts: list[Part], order: str | None) -> list[Part]:
    """Parts in the order of computation: as in the file, or as `order` lists their prefixes."""
    if order is None:
        return parts
    prefixes = [word for word in order.split(",") if word]
    found = list(dict.fromkeys(part.prefix.rstrip(".") for part in parts))
    if sorted(prefixes) != sorted(found):
        raise ModelError("array 'lstm_edge.order'", f"names {prefixes}, but the file holds {found}")
    return sorted(parts, key=lambda p: prefixes.index(p.prefix.rstrip(".")))


def is_embedding(layers: list[list[Part]], said: str | None) -> bool:
    """Whether the first layer is a table that ids are looked up in; `said`: "ids", "real", None.

    Its rows must be what the next layer takes. Raises ModelError where `said` contradicts that.
    """
    first = layers[0][0]
    following = layers[1][0].arrays if len(layers) > 1 else {}
    table = first.arrays.get("weight")
    of_cell = next((a for what, a in following.items() if what.startswith("W_")), None)
    matrix = following.get("weight_ih", following.get("weight", of_cell))
    takes = 0 if matrix is None else matrix.shape[1]
    rows, units = (0, 0) if table is None or "bias" in first.arrays else table.shape
    fits = units == takes > 0
    if said == "ids" and not fits:
        raise ModelError(
            "array 'lstm_edge.input'",
            f"is 'ids', but {first.label} is no table with rows that the next layer takes",
        )
    if said is not None:
        return said == "ids"
    return fits and (rows != takes or "emb" in first.prefix.lower())
