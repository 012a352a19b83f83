"""Passes one after the other, each checked."""

from __future__ import annotations

from collections.abc import Callable

from lstm_edge.ir.model import Model
from lstm_edge.ir.verify_model import Seen, verify

Pass = Callable[[Model], Model]


def through(model: Model, *passes: Pass) -> Model:
    """The model after all passes. InternalError by the first that breaks it, see `verify`."""
    seen: Seen = {}
    verify(model, seen)
    for each in passes:
        made = each(model)
        model = model if made is model else verify(made, seen)
    return model
