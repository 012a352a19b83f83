"""Operands of integer lowering: what stays known of a value, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.errors import InternalError
from lstm_edge.formats import fixed, saturated
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.fixed.arithmetic import FLOOR, multiply
from lstm_edge.passes.formats import Chosen, Formats
from lstm_edge.passes.lower_function import lower_function
from lstm_edge.passes.lower_input import holds_zero, stored, unpacked
from lstm_edge.passes.numbers import Joined, Kept, Number, number, wide
from lstm_edge.passes.options import Options
from lstm_edge.passes.storing import Storing

WIDE = fixed(20, -(2**24), 2**24, "int32")
SENSORS = saturated(1.0, 12).with_meaning(np.array([0.5, 0.25]), np.array([0, 3000]))


def storing(largest: Mapping[str, float] | None = None) -> Storing:
    none: dict[str, Chosen] = {}
    ends = {name: np.array([reach]) for name, reach in (largest or {}).items()}
    ranges = Ranges({n: -a for n, a in ends.items()}, ends, {}, True)
    formats = Formats(Options(), True, ranges, none, none, none, none, None, 0)
    return Storing(Builder(), formats)


def made(s: Storing, name: str = "v") -> Number:
    return number(s.builder.value(name, 2, WIDE))


def test_what_is_stored_as_it_is_stays_what_it_was() -> None:
    s = storing()
    x = replace(made(s), real="layer.y", lost=FLOOR, is_state=True)
    same = s.converted(x, Chosen(replace(WIDE, storage="int32"), "proved"), "v_stored")
    assert (same.name, same.real, same.lost, same.is_state) == ("v", "layer.y", FLOOR, True)
    other = s.converted(x, Chosen(saturated(2.0**-12, 16), "proved"), "v_stored")
    assert other.name != "v"
    assert (other.real, other.lost, other.is_state) == (other.name, 0.0, False)
    assert s.builder.chosen == {"v": "proved", other.name: "proved"}


def test_a_product_reads_the_narrow_form_and_the_rest_the_wide_one() -> None:
    s = storing()
    both = Kept(made(s, "wide"), number(s.builder.value("narrow", 2, saturated(2.0**-11, 12))))
    assert s.storable(both, "layer") is both.narrow
    assert wide(both) is both.wide


def test_a_product_reads_parts_and_nothing_else_does() -> None:
    s = storing()
    parts = Joined("join.y", (made(s, "a"), made(s, "b")))
    assert s.storable(parts, "layer") is parts
    assert parts.length == 4
    with pytest.raises(InternalError, match=r"join\.y"):
        wide(parts)


def test_a_wide_value_is_stored_under_its_name_in_the_float_program() -> None:
    s = storing({"layer.y": 3.0})
    kept = wide(s.storable(replace(made(s), real="layer.y"), "layer"))
    assert kept.name.startswith("layer.y_stored")
    assert kept.real == "layer.y"
    assert s.stands_for == {kept.name: "layer.y"}
    assert kept.value.format.storage == "int16"


def test_an_input_is_an_operand_as_it_is() -> None:
    s = storing()
    x = s.packed(s.builder.value("x", 2, SENSORS), SENSORS)
    assert s.storable(x, "layer") is x
    assert s.stands_for == {"x": ""}
    assert not x.is_scaled
    scale, zero_point = x.meaning()
    assert (scale.tolist(), zero_point.tolist()) == ([0.5, 0.25], [0, 3000])
    assert stored(x, 1.0).tolist() == [2, 2047]
    assert not holds_zero(x), "3000 is beyond 12 bits"


def test_a_gate_times_a_wide_value_takes_the_finer_gate() -> None:
    s = storing()
    gate = lower_function(
        s.builder, "sigmoid", s.builder.value("p", 2, fixed(12, -(2**16), 2**16)), "g", ""
    )
    assert gate.centred is not None
    with_it = multiply(s.builder, gate, made(s, "c"), "one", "")
    without = multiply(s.builder, replace(gate, centred=None), made(s, "d"), "other", "")
    assert (with_it.lost, without.lost) == (1.5 * FLOOR, FLOOR)


@pytest.mark.parametrize("zero_point", [[0, 0], [3, 3000]])
def test_what_a_layer_scaled_has_that_scale_on_its_way_to_fixed_point(
    zero_point: list[int],
) -> None:
    s, gained = storing(), np.array([1.5, 0.3])
    x = s.packed(s.builder.value("x", 2, SENSORS), SENSORS)
    packed = SENSORS.with_meaning(gained, np.array(zero_point))
    unpacked(s.builder, replace(x, real="norm.y", packed=packed), "y")
    lifted = s.builder.values["y_in_lifted"]
    shifts = np.log2(gained / lifted.format.scales(2))
    assert shifts[0] == shifts[1] == np.rint(shifts[0]) > 0
