"""Names that are taken: each once, and thousands of one base at once."""

from __future__ import annotations

import numpy as np

from lstm_edge.models.names import Names, unique


def test_names_are_those_of_unique() -> None:
    rng = np.random.default_rng(0)
    names, taken = Names(), set[str]()
    for base in rng.choice(["fc", "fc2", "fc22", "lstm", "lstm_h", "fc2_y"], 300):
        assert names.take(str(base)) == unique(str(base), taken)
    assert len(taken) == 300


def test_ten_thousand_names_of_one_base_take_no_time() -> None:
    names = Names()
    found = [names.take("fc") for _ in range(10_000)]
    assert found[-1] == "fc10000"
    assert len(set(found)) == 10_000
