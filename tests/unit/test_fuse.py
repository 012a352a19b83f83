"""What is joined has just the value of what it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.formats import Format
from lstm_edge.ir.program import Block, Program, Value
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Call, Op
from lstm_edge.passes.fuse import fuse

INT32 = Format("int32", 1.0, -(2**31), 2**31 - 1)
INT16 = Format("int16", 1.0, -(2**15), 2**15 - 1)
CHAINS = {
    "mulw, round_shift": ([Op("mulw", "p", ("a", "m")), Op("round_shift", "y", ("p",), 5)], 2),
    "mulw, round_shift, saturate": (
        [
            Op("mulw", "p", ("a", "m")),
            Op("round_shift", "r", ("p",), 9),
            Op("saturate", "y", ("r",), 8),
        ],
        2,
    ),
    "shift, saturate": ([Op("shift", "r", ("a",), 20), Op("saturate", "y", ("r",), 8)], 1),
    "round_shift, saturate": (
        [Op("round_shift", "r", ("a",), 20), Op("saturate", "y", ("r",), 8)],
        2,
    ),
    "shift left, saturate": ([Op("shift", "r", ("m",), -3), Op("saturate", "y", ("r",), 8)], 2),
    "mul, round_shift": ([Op("mul", "p", ("m", "m")), Op("round_shift", "y", ("p",), 5)], 2),
    "mulw, add": ([Op("mulw", "p", ("a", "m")), Op("add", "y", ("p", "m"))], 1),
}


def program(ops: list[Op]) -> Program:
    names = ("a", "m", *(op.dest for op in ops))
    values = {n: Value(n, 64, INT16 if n == "m" else INT32) for n in names}
    return Program(
        name="net",
        scheme="int8",
        inputs=(),
        outputs=(),
        states=(),
        constants={},
        values=values,
        blocks=(Block("net", 0, tuple(ops)),),
        sweeps=("forward",),
        steps=None,
    )


def computed(ops: tuple[Op, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    rng = np.random.default_rng(0)
    known = {"a": rng.integers(-(2**29), 2**29, 64), "m": rng.integers(-(2**15), 2**15, 64)}
    for op in ops:
        record = OPERATIONS[op.kind]
        assert record.integer is not None
        args = tuple(known[name] for name in op.args)
        known[op.dest] = record.integer(*record.bind(Call(op, args, {}, 0, 0)))
    return known["y"]


@pytest.mark.parametrize("chain", CHAINS)
def test_a_joined_operation_has_the_value_of_those_it_stands_for(chain: str) -> None:
    ops, left = CHAINS[chain]
    fused = fuse(program(ops), tuple(ops), frozenset({"y"}))
    assert len(fused) == left
    assert np.array_equal(computed(fused), computed(tuple(ops)))


def test_a_value_that_is_wanted_by_itself_is_not_joined() -> None:
    ops, _ = CHAINS["shift, saturate"]
    assert fuse(program(ops), tuple(ops), frozenset({"r", "y"})) == tuple(ops)
