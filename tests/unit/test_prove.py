"""The proof refuses what it should: sums, operands, formats and states that do not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstm_edge.errors import InternalError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.ir.program import FORWARD, Block, Port, Program, State, Value
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.intermediate import Intermediate
from lstm_edge.operations.product import PARTIAL_SUM
from lstm_edge.passes.prove import Proof, prove

WIDE = (INT32_MIN, INT32_MAX)


def program(
    op: Op,
    operands: dict[str, tuple[int, int]],
    result: tuple[int, int] = WIDE,
    *,
    constants: dict[str, Any] | None = None,
    states: tuple[State, ...] = (),
) -> Program:
    """One operation on values of one unit; operands are inputs unless they are states."""
    names = {s.name for s in states}
    one, zero = np.ones(1), np.zeros(1, np.int64)
    axes, shape = ("time", "feature"), (-1, 1)
    values = {n: Value(n, 1, Format("int32", 1.0, *ends)) for n, ends in operands.items()}
    values["y"] = Value("y", 1, Format("int32", 1.0, *result))
    return Program(
        name="net",
        scheme="int8",
        inputs=tuple(Port(n, n, axes, shape, True, one, zero) for n in operands if n not in names),
        outputs=(Port("y", "y", axes, shape, True, one, zero),),
        states=states,
        values=values,
        constants=constants or {},
        sweeps=(FORWARD,),
        blocks=(Block("layer", 0, (op,)),),
        steps=None,
    )


def binary(kind: str) -> Op:
    return Op(kind, "y", ("a", "b"))


def test_bounds_of_a_result_are_those_of_its_operands() -> None:
    proof = prove(program(binary("add"), {"a": (-5, 7), "b": (-1, 2)}))
    assert proof.bounds == {"a": (-5, 7), "b": (-1, 2), "y": (-6, 9)}


@pytest.mark.parametrize("kind", ["add", "sub"])
def test_a_sum_may_fill_int32_and_not_one_more(kind: str) -> None:
    most = 2**30 - 1
    prove(program(binary(kind), {"a": (-most, most), "b": (-most, most)}))
    wide = {"a": (-(2**30), 2**30), "b": (-(2**30) - 1, 2**30)}
    with pytest.raises(InternalError, match="y may leave int32"):
        prove(program(binary(kind), wide))


@pytest.mark.parametrize("one", [(-1, 0), (0, 1)])
def test_a_result_that_leaves_int32_at_one_end_only_is_refused(one: tuple[int, int]) -> None:
    ends = {-1: (INT32_MIN, 0), 1: (0, INT32_MAX)}[sum(one)]
    with pytest.raises(InternalError, match="y may leave int32"):
        prove(program(binary("add"), {"a": ends, "b": one}))


def test_an_index_is_one_number_from_the_first_unit_to_the_last() -> None:
    bounds = OPERATIONS["argmax"].bounds
    assert bounds is not None
    found = bounds(Op("argmax", "y", ("a",)), [(np.zeros(5), np.ones(5))], {})
    assert [end.tolist() for end in found] == [[0], [4]]


def test_a_result_outside_its_declared_format_is_refused() -> None:
    operands = {"a": (0, 10), "b": (0, 10)}
    prove(program(binary("add"), operands, (0, 20)))
    for declared in ((1, 20), (0, 19)):
        with pytest.raises(InternalError, match=r"y reaches \[0, 20\], declared"):
            prove(program(binary("add"), operands, declared))


@pytest.mark.parametrize("wide", ["a", "b"])
def test_mul_takes_16_bits_on_both_sides(wide: str) -> None:
    fitting = {"a": (-32768, 32767), "b": (-32768, 32767)}
    prove(program(binary("mul"), fitting))
    for ends in ((-32769, 0), (0, 32768)):
        with pytest.raises(InternalError, match="16-bit operand"):
            prove(program(binary("mul"), {**fitting, wide: ends}))


def test_mulw_takes_16_bits_on_the_right_and_32_on_the_left() -> None:
    prove(program(binary("mulw"), {"a": WIDE, "b": (-32768, 32767)}))
    with pytest.raises(InternalError, match="16-bit operand"):
        prove(program(binary("mulw"), {"a": (0, 1), "b": (0, 32768)}))


def test_divide_wants_a_positive_divisor_and_no_negative_dividend() -> None:
    """The / of C rounds a negative quotient up, numpy's // down."""
    prove(program(binary("divide"), {"a": (0, 100), "b": (1, 9)}))
    with pytest.raises(InternalError, match="0 or more"):
        prove(program(binary("divide"), {"a": (-1, 100), "b": (1, 9)}))
    with pytest.raises(InternalError, match="positive"):
        prove(program(binary("divide"), {"a": (0, 100), "b": (0, 9)}))


def test_log_wants_a_positive_operand() -> None:
    table = {"t": np.zeros(513, np.int64)}
    op = Op("log", "y", ("a",), table="t")
    prove(program(op, {"a": (1, 9)}, constants=table))
    with pytest.raises(InternalError, match="positive"):
        prove(program(op, {"a": (0, 9)}, constants=table))


def state(initial: int = 0) -> tuple[State, ...]:
    return (State("s", "y", np.array([initial])),)


def test_a_state_that_grows_is_refused_whatever_its_first_steps_do() -> None:
    """s + 1 leaves any format after enough steps."""
    op = Op("add", "y", ("s", "one"))
    operands = {"s": (0, 1000), "one": (1, 1)}
    with pytest.raises(InternalError, match="state s reaches"):
        prove(program(op, operands, states=state()))


def test_a_state_that_saturates_is_proved() -> None:
    op = Op("saturate", "y", ("s",), n=8)
    assert prove(program(op, {"s": (-128, 127)}, states=state())).bounds["y"] == (-128, 127)


def test_a_state_that_starts_outside_its_format_is_refused() -> None:
    op = Op("saturate", "y", ("s",), n=8)
    for initial in (-129, 128):
        with pytest.raises(InternalError, match="state s"):
            prove(program(op, {"s": (-128, 127)}, states=state(initial)))


def test_a_state_is_refused_at_either_end_and_by_any_unit() -> None:
    """By what an operation gives, by where it starts, by what a caller may set."""

    def renewed(low: tuple[int, int], high: tuple[int, int], **more: Any) -> Program:
        """Two units, each within its limits, become a state from 0 to 9."""
        given = {"a": low, "b": high, "s": (0, 9), "set": more.pop("given", (0, 9))}
        initial = np.array(more.pop("initial", (0, 9)))
        start = State("s", "y", initial, given="set")
        made = program(Op("concat", "y", ("a", "b")), given, states=(start,))
        sizes = {n: Value(n, 2, made.values[n].format) for n in ("s", "set", "y")}
        return Program(**{**vars(made), "values": {**made.values, **sizes}})

    assert prove(renewed((0, 5), (5, 9))).bounds["y"] == (0, 9)
    for low, high in (((-1, 5), (5, 9)), ((0, 5), (5, 10)), ((5, 9), (-1, 5)), ((0, 10), (0, 9))):
        reached = (min(*low, *high), max(*low, *high))
        told = rf"net: state s reaches \[{reached[0]}, {reached[1]}\], declared \[0, 9\]"
        with pytest.raises(InternalError, match=told):
            prove(renewed(low, high))
    for initial in ((-1, 9), (0, 10), (0, -1), (10, 0)):
        with pytest.raises(InternalError, match="state s reaches"):
            prove(renewed((0, 5), (5, 9), initial=initial))
    for given in ((-1, 9), (0, 10)):
        with pytest.raises(InternalError, match="state s reaches"):
            prove(renewed((0, 5), (5, 9), given=given))


def test_partial_sums_count_in_any_order() -> None:
    """The two products cancel; a kernel may sum either of them first."""
    weights = {"W": np.array([[2**15, -(2**15)]]), "b": np.zeros(1, np.int64)}
    op = Op("matvec", "y", ("x",), bias="b", matrices=("W",))
    made = program(op, {"x": (2**15 - 1, 2**15 - 1)}, constants=weights)
    values = {**made.values, "x": Value("x", 2, made.values["x"].format)}
    small = Program(**{**vars(made), "values": values})
    assert prove(small).bounds["y"] == (0, 0)
    assert prove(small).accumulators == {"y": 2**31 - 2**16}
    wide = Program(**{**vars(small), "constants": {**weights, "b": np.array([2**16])}})
    with pytest.raises(InternalError, match="y may leave int32"):
        prove(wide)


def test_a_half_that_leaves_int32_before_the_shift_is_refused() -> None:
    """C adds it before it shifts, in int32; the result itself would fit."""
    wide = Format("int32", 1.0, INT32_MIN, INT32_MAX)
    operand = (np.array([INT32_MIN]), np.array([INT32_MAX]))
    op = Op("round_shift", "y", ("x",), n=4)
    values = {"x": Value("x", 1, wide), "y": Value("y", 1, wide)}
    program = Program("net", "int8", (), (), (), values, {}, (Block("l", 0, (op,)),), None)
    bounds = OPERATIONS["round_shift"].bounds
    assert bounds is not None
    assert bounds(op, [operand], {})[1] <= INT32_MAX
    with pytest.raises(InternalError, match="on the way"):
        prove(program)


def test_a_constant_lies_within_its_format() -> None:
    """Which says what type C stores it in."""
    made = program(binary("add"), {"a": (-5, 7), "b": (-3, 9)}, constants={"b": np.array([-3, 9])})
    two = {n: Value(n, 2, v.format) for n, v in made.values.items()}
    fitting = Program(**{**vars(made), "inputs": made.inputs[:1], "values": two})
    assert prove(fitting).bounds["y"] == (-8, 16)
    for ends in ((-2, 9), (-3, 8)):
        narrow = {**two, "b": Value("b", 2, Format("int32", 1.0, *ends))}
        with pytest.raises(InternalError, match=r"constant b has \[-3, 9\], declared"):
            prove(Program(**{**vars(fitting), "values": narrow}))


def test_each_unit_of_a_result_counts() -> None:
    """The first unit is near 0; the second reaches further at both ends."""
    made = program(Op("concat", "y", ("a", "b")), {"a": (-1, 1), "b": (-50, 100)}, (-50, 100))
    for ends, fits in (((-50, 100), True), ((-49, 100), False), ((-50, 99), False)):
        y = Value("y", 2, Format("int32", 1.0, *ends))
        asked = Program(**{**vars(made), "values": {**made.values, "y": y}})
        if fits:
            assert prove(asked).bounds["y"] == ends
            continue
        with pytest.raises(InternalError, match=r"y reaches \[-50, 100\]"):
            prove(asked)


def test_the_largest_of_several_sums_is_told() -> None:
    sums = {name: (Intermediate(PARTIAL_SUM, -n, n),) for name, n in (("p", 1024), ("q", 8))}
    proof = Proof({}, sums, {"x": 3, "y": 7})
    assert proof.accumulators == {"p": 1024, "q": 8}
    assert proof.accumulator_bits == 10.0
    assert proof.most_steps == INT32_MAX // 7


def test_a_program_without_products_or_places_uses_nothing_of_int32() -> None:
    nothing = Proof({}, {}, {})
    assert nothing.accumulator_bits == 0.0
    assert nothing.most_steps == INT32_MAX
