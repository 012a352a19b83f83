"""Identifiers inside one generated function, short and free of collisions."""

from __future__ import annotations

_RESERVED = ("unit", "w", "k", "step", "state", "now", "next", "values", "value")


class LocalNames:
    """Names of one phase's values: without the layer's name where that is clear."""

    def __init__(self, phase: str) -> None:
        self._layer = phase
        self._taken = set(_RESERVED)
        self._of: dict[str, str] = {}

    def of(self, value: str) -> str:
        """The local variable of a value; the same at every call."""
        if value not in self._of:
            self._of[value] = self._unique(self._short(value))
        return self._of[value]

    def pointer(self, value: str) -> str:
        """A new pointer parameter for a value that lives in memory."""
        return self._unique(self._short(value))

    def target(self, home: str) -> str:
        """A new pointer parameter for where a result goes: `state->lstm_h[next]`, or `logits`."""
        member = home.removeprefix("state->").partition("[")[0]
        return self._unique(f"{member.removeprefix(f'{self._layer}_')}_out")

    def reserve(self, name: str) -> str:
        """A new name like `name`."""
        return self._unique(name)

    def _short(self, value: str) -> str:
        layer, _, rest = value.partition(".")
        return rest if rest and self._layer.startswith(layer) else value.replace(".", "_")

    def _unique(self, name: str) -> str:
        unique, k = name, 2
        while unique in self._taken:
            unique, k = f"{name}_{k}", k + 1
        self._taken.add(unique)
        return unique
