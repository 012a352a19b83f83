"""Any cell, stopped before the sequence ends."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.expr import Cell, constant, input_vector, select, state, within


def until(cell: Cell, length: int | None = None) -> Cell:
    """The cell stopped after `length` steps, or as many as the input `length` says, the first of
    the sequence in either direction: its states stay, and y, which is h until then, is 0.
    """
    steps = input_vector("length") if length is None else constant(length)
    results = {name: within(steps, result, state(name)) for name, result in cell.results.items()}
    return replace(cell, results=results | {"y": within(steps, cell.results["h"], 0.0)})


def masked(cell: Cell, ends: bool = False) -> Cell:
    """The cell that skips steps: where the input `mask`, one number, is 0, states stay. ends: there
    y, which is h elsewhere, is 0.
    """
    on = input_vector("mask")
    results = {name: select(on, 0.5, y, state(name)) for name, y in cell.results.items()}
    if ends:
        results["y"] = select(on, 0.5, cell.results["h"], 0.0)
    return replace(cell, results=results)
