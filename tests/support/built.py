"""Operations that a lowering pass emits, run by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX, INT32_MIN
from lstm_edge.operations import OPERATIONS, functions
from lstm_edge.operations.call import Call, Moment
from lstm_edge.passes.builder import Builder

Ints = npt.NDArray[Any]


def computed(b: Builder, inputs: Mapping[str, Ints]) -> dict[str, Ints]:
    """All values, of inputs [samples, units]; each lies within the format declared for it, and what
    lies there lies in int32.
    """
    b.close_block("layer", 0)
    found = {**b.constants, **inputs}
    for op in (op for block in b.blocks for op in block.ops):
        args = tuple(found[name] for name in op.args)
        call = Call(op, args, b.constants, Moment(0, False, -1, 1))
        found[op.dest] = functions(is_float=False)[op.kind](*OPERATIONS[op.kind].bind(call))
        declared = b.values[op.dest].format
        assert INT32_MIN <= declared.low <= found[op.dest].min(), op
        assert found[op.dest].max() <= declared.high <= INT32_MAX, op
    return found


def kinds(b: Builder) -> list[str]:
    """What was emitted, in order."""
    b.close_block("layer", 0)
    return [op.kind for block in b.blocks for op in block.ops]


def between(low: int, high: int, count: int = 400) -> Ints:
    """Numbers of one unit from end to end, [samples, 1]: both ends, their neighbours, and what is
    near 0 among them.
    """
    rng = np.random.default_rng(0)
    near = [k for k in (low, low + 1, -2, -1, 0, 1, 2, high - 1, high) if low <= k <= high]
    return np.concatenate([near, rng.integers(low, high, count, endpoint=True)])[:, None]
