"""Embedding: integers of an input look up vectors in a table."""

from __future__ import annotations

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.flow import Call, Flow, check_finite
from lstm_edge.frontend.keras.inputs import as_ids
from lstm_edge.layers.embedding import MOST_ROWS
from lstm_edge.layers.embedding import embedding as cell_of


def embedding(call: Call, flow: Flow) -> Flow:
    """Rows of the table in place of ids, which Keras may have as integers or as real numbers."""
    config = call.config
    config.check_known("input_dim output_dim mask_zero sparse quantization_config")
    config.refuse("quantization_config", instead="save the float model: lstm-edge quantizes it")
    config.refuse(
        "mask_zero",
        False,
        instead="steps of id 0 would be skipped; train with mask_zero=False and feed sequences of "
        "full length",
    )
    rows, units = config.count("input_dim"), config.count("output_dim")
    (table,) = call.weights.take("embeddings")
    if table.shape != (rows, units) or rows > MOST_ROWS:
        raise ModelError(
            call.label,
            f"its table is {list(table.shape)}, expected {[rows, units]} of at most {MOST_ROWS} "
            "rows",
        )
    entries = np.ascontiguousarray(table, np.float32)
    check_finite(call.label, entries)
    ids = as_ids(call, flow, rows)
    made = call.draft.layer("embedding", cell_of(), ids.tensor, units, {"E": entries}, call.label)
    return Flow(made["y"], units, "sequence", ids.steps)
