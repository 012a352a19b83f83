"""Tables, ids and searches that are not supported: refused, and the message says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.embedding_graphs import (
    FORMS,
    LAST,
    LOGITS,
    E,
    Form,
    ints,
    network,
    swapped,
    table,
)
from tests.oracle.graphs import node, saved


def refusal(
    tmp_path: Path,
    *nodes: onnx.NodeProto,
    head: tuple[onnx.NodeProto, ...] = LAST,
    **constants: np.ndarray,
) -> str:
    form = Form(nodes or FORMS["int64"].nodes, constants=constants)
    outputs = LOGITS if head is LAST else {"best": TensorProto.INT64}
    with pytest.raises(ModelError) as caught:
        load(saved(network(form, head, outputs), tmp_path))
    return str(caught.value)


def with_table(tmp_path: Path, entries: np.ndarray) -> str:
    return refusal(tmp_path, E=entries)


def test_table_with_nan_is_refused(tmp_path: Path) -> None:
    entries = table(1)
    entries[3, 2] = np.nan
    assert "NaN" in with_table(tmp_path, entries)


def test_table_of_a_million_rows_is_refused(tmp_path: Path) -> None:
    assert "rows" in with_table(tmp_path, np.zeros((2**20 + 1, E), np.float32))


def test_table_without_rows_is_refused(tmp_path: Path) -> None:
    assert "Gather" in with_table(tmp_path, np.zeros((0, E), np.float32))


def test_lookup_along_columns_is_refused(tmp_path: Path) -> None:
    nodes = (node("Gather", "Et ids", "g", axis=1), node("Transpose", "g", "e", perm=[2, 1, 0]))
    assert re.search(
        "Gather.*axis 1.*expected rows", refusal(tmp_path, *nodes, Et=table(1).T.copy())
    )


def test_ids_that_name_no_row_are_refused(tmp_path: Path) -> None:
    nodes = (node("Add", "ids hundred", "at"), node("Gather", "E at", "g"), swapped())
    assert "no number of a row" in refusal(tmp_path, *nodes, hundred=np.int64(100))


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BOOL, TensorProto.FLOAT])
def test_ids_that_become_something_else_are_refused(kind: int, tmp_path: Path) -> None:
    nodes = (node("Cast", "ids", "at", to=kind), node("Gather", "E at", "g"), swapped())
    assert "no number of a row" in refusal(tmp_path, *nodes)


def test_one_step_of_the_ids_is_refused(tmp_path: Path) -> None:
    nodes = (
        *FORMS["int64"].nodes[:1],
        node("Gather", "ids minus", "last", axis=1),
        node("Gather", "E last", "f"),
        node("Add", "g f", "s"),
        swapped("s"),
    )
    message = refusal(tmp_path, *nodes, minus=np.array([-1]))
    assert re.search("Gather|Add", message)


def test_one_hot_along_another_axis_is_refused(tmp_path: Path) -> None:
    nodes = (
        node("OneHot", "ids depth values", "g", axis=1),
        node("Transpose", "g", "e", perm=[2, 0, 1]),
    )
    more = {"depth": np.int64(E), "values": np.array([0, 1], np.float32)}
    assert re.search("OneHot.*only -1 is supported; transpose", refusal(tmp_path, *nodes, **more))
    nodes = (node("OneHot", "ids depth values", "g"), swapped())
    assert re.search("OneHot.*depth is -1", refusal(tmp_path, *nodes, **more | {"depth": ints(-1)}))


def test_computed_table_is_refused(tmp_path: Path) -> None:
    nodes = (
        *FORMS["int64"].nodes[:1],
        node("Squeeze", "g front", "rows"),
        node("Gather", "rows ids", "k"),
        swapped("k"),
    )
    assert "constant table" in refusal(tmp_path, *nodes, front=np.array([0]))


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((node("ArgMax", "logits", "best", axis=1, select_last_index=1),), "select_last_index"),
        ((node("ArgMax", "logits", "best", axis=0),), "ArgMax"),
        ((node("TopK", "logits k", "top best", axis=1),), "TopK.*take the scores"),
        ((node("ArgMin", "logits", "best", axis=1),), "ArgMin"),
        (
            (node("ArgMax", "logits", "i", axis=1), node("Add", "i k", "best")),
            "make that the output",
        ),
    ],
    ids=["last index", "over the batch", "TopK", "ArgMin", "arithmetic"],
)
def test_other_searches_are_refused_by_name(
    nodes: tuple[onnx.NodeProto, ...], words: str, tmp_path: Path
) -> None:
    assert re.search(words, refusal(tmp_path, head=(*LAST, *nodes), k=np.array([1])))
