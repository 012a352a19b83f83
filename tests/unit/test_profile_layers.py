"""To which layer a function of generated code belongs, by its name."""

from __future__ import annotations

import pytest

from lstm_edge.profile.attribution import layer_of

HEADS = {"net_lstm_": 1, "net_lstm_2_": 2, "net_fc_": 3}


@pytest.mark.parametrize(
    ("function", "owner"),
    [
        ("net_lstm_units", 1),
        ("net_lstm_2_units", 2),
        ("net_lstm_rows_take_0_units", 1),
        ("net_lstm2_units", 0),
        ("net_step", 0),
        ("net_fc_table", 0),
        ("le_rows4", 0),
    ],
)
def test_a_function_belongs_to_the_layer_with_the_longest_name_in_its_own(
    function: str, owner: int
) -> None:
    assert layer_of(HEADS, function) == owner
