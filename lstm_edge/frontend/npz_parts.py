"""Parts of a network that the names of its arrays tell: the layers of an nn.LSTM, an nn.Linear."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lstm_edge.errors import ModelError
from lstm_edge.frontend.layout import Array
from lstm_edge.frontend.npz_file import weights_of

_RECURRENT = re.compile(r"(?P<prefix>.*?)(?P<what>(weight|bias)_(ih|hh|hr))_l(?P<layer>\d{1,3})\Z")
_REVERSE = re.compile(r".*(weight|bias)_(ih|hh|hr)_l\d+_reverse\Z")
_LINEAR = re.compile(r"(?P<prefix>.*)\.(?P<what>weight|bias)\Z")


@dataclass(frozen=True)
class Part:
    """One LSTM layer or one Linear: `arrays` by what they are, `names` for messages."""

    prefix: str
    layer: int | None
    arrays: dict[str, Array]
    names: dict[str, str]

    @property
    def label(self) -> str:
        """How messages name the part."""
        return next(iter(self.names.values()))

    def require(self, *whats: str) -> None:
        """Refuse the part unless it has the arrays `whats`."""
        for what in whats:
            if what not in self.arrays:
                raise ModelError(
                    self.label, f"has no {what} beside it; was a part of it not saved?"
                )


def parts_of(arrays: dict[str, Array]) -> list[Part]:
    """Group the arrays into layers, in the order of the file."""
    parts: dict[tuple[str, int | None], Part] = {}
    for name, array in arrays.items():
        prefix, layer, what = _parse_name(name)
        key = (prefix, layer)
        part = parts.setdefault(key, Part(prefix, layer, {}, {}))
        part.arrays[what] = weights_of(name, array, 2 if what.startswith("weight") else 1)
        part.names[what] = f"array {name!r}"
    return _sorted_layers(list(parts.values()))


def _parse_name(name: str) -> tuple[str, int | None, str]:
    """(prefix, LSTM layer or None, what) of an array's name."""
    if _REVERSE.match(name):
        raise ModelError(
            f"array {name!r}", "a second direction is not supported yet; bidirectional=False"
        )
    match = _RECURRENT.match(name)
    if match:
        if match["what"] == "weight_hr":
            raise ModelError(
                f"array {name!r}", "a projection is not supported yet; train with proj_size=0"
            )
        return match["prefix"], int(match["layer"]), match["what"]
    match = _LINEAR.match(name)
    if match:
        return match["prefix"], None, match["what"]
    raise ModelError(
        f"array {name!r}", "is no weight of an LSTM or Linear of PyTorch; leave it out of the file"
    )


def _sorted_layers(parts: list[Part]) -> list[Part]:
    """Layers of one nn.LSTM by number; parts else stay in order."""
    first = {part.prefix: k for k, part in reversed(list(enumerate(parts)))}
    return sorted(parts, key=lambda p: (first[p.prefix], -1 if p.layer is None else p.layer))


def ordered(parts: list[Part], order: str | None) -> list[Part]:
    """Parts in the order of computation: as in the file, or as `order` lists their prefixes."""
    if order is None:
        return parts
    prefixes = [word.strip() for word in order.split(",")]
    found = list(dict.fromkeys(part.prefix.rstrip(".") for part in parts))
    if sorted(prefixes) != sorted(found):
        raise ModelError("array 'lstm_edge.order'", f"names {prefixes}, but the file holds {found}")
    return sorted(parts, key=lambda p: prefixes.index(p.prefix.rstrip(".")))
