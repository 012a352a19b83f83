"""Symbols among the inputs: ids, and features of 0 and 1; and data with those that never come.

What data never show has no range, no variance and no say in how weights are rounded. Of a symbol it
is known what it is like when it comes: an id is another row of the table, a feature is 1 in place
of 0. So calibration puts those that never come into some of the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.choices import SymbolKind
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

SHARE = 4
"""At most every fourth step gets a symbol that never came: the others stay typical."""
MOST_SHOWN = 2**16
"""Of more symbols that never come, some are left out where ranges are taken over all."""
LEAST_VARIED = 2
"""So many features that are 0 and 1 make a neighbour of them, always 0, another one of theirs."""


@dataclass(frozen=True, eq=False)
class Symbols:
    """Symbols that come in the same place of an input.

    columns: of ids the one column that holds them, else the features, of which at each step at most
    one is 1 (one-hot) or any (flags). unseen: ids, or features, that never come; of flags, those
    that never change. total: how many there are.
    """

    port: str
    kind: SymbolKind
    columns: Ints
    unseen: Ints
    total: int

    def put(self, rows: Array, places: Ints, symbols: Ints) -> None:
        """Make the vectors `rows` [vectors, columns] show these symbols in these places."""
        if self.kind == "ids":
            rows[places, self.columns[0]] = symbols
            return
        if self.kind == "one-hot":
            rows[np.ix_(places, self.columns)] = 0
        rows[places, symbols] = 1 - rows[places, symbols] if self.kind == "flags" else 1


def symbols_of(program: Program, feeds: Sequence[Feed]) -> tuple[Symbols, ...]:
    """All symbols among the inputs, and which of them these feeds never show."""
    found: list[Symbols] = []
    for port in program.inputs:
        if port in program.length_ports:
            continue
        parts = [a.reshape(-1, a.shape[-1]) for a in (f.inputs[port.name] for f in feeds)]
        found += _ids(port, parts) if port.limit else _binary(port, parts)
    return tuple(found)


def _ids(port: Port, parts: Sequence[Array]) -> Iterator[Symbols]:
    """Each column of ids looks up for itself."""
    for column in range(parts[0].shape[1]):
        came = np.zeros(port.limit, bool)
        for part in parts:
            came[part[:, column].astype(np.int64)] = True
        columns, unseen = np.array([column]), np.flatnonzero(~came)
        yield Symbols(port.name, "ids", columns, unseen, port.limit)


def _binary(port: Port, parts: Sequence[Array]) -> Iterator[Symbols]:
    """Neighbouring features that are 0 or 1: a whole input, or a part of one where at each step at
    most one is 1, or equally many are, as of several one-hot vectors.
    """
    binary = np.logical_and.reduce([((p == 0) | (p == 1)).all(axis=0) for p in parts])
    ever = np.logical_or.reduce([(p != 0).any(axis=0) for p in parts])
    always = np.logical_and.reduce([(p != 0).all(axis=0) for p in parts])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], binary, [False]]).astype(int)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        columns = np.arange(first, end)
        varied = ever[columns] & ~always[columns]
        if varied.sum() < LEAST_VARIED:
            continue
        ones = [part[:, columns].sum(axis=1) for part in parts]
        one = all((each <= 1).all() for each in ones)
        alike = all((each == ones[0][0]).all() for each in ones)
        if one or alike or len(columns) == len(binary):
            kind: SymbolKind = "one-hot" if one else "flags"
            yield Symbols(port.name, kind, columns, columns[~varied], len(columns))


def with_unseen(program: Program, feeds: Sequence[Feed]) -> tuple[Feed, ...]:
    """The feeds with symbols that never come in some places, no more often than others do."""
    found = [each for each in symbols_of(program, feeds) if each.unseen.size]
    if not found:
        return tuple(feeds)
    generator = np.random.default_rng(0)
    made = [dict(feed.inputs) for feed in feeds]
    for each in found:
        width = made[0][each.port].shape[-1]
        counts = [inputs[each.port].size // width for inputs in made]
        usual = sum(counts) / max(1, each.total - len(each.unseen))
        number = int(min(sum(counts) / SHARE, len(each.unseen) * usual))
        symbols = np.resize(generator.permutation(each.unseen), number)
        places = generator.permutation(sum(counts))[:number]
        start = 0
        for inputs, count in zip(made, counts, strict=True):
            rows = inputs[each.port].reshape(-1, width).copy()
            here = (places >= start) & (places < start + count)
            each.put(rows, places[here] - start, symbols[here])
            inputs[each.port] = rows.reshape(inputs[each.port].shape)
            start += count
    return tuple(replace(f, inputs=inputs) for f, inputs in zip(feeds, made, strict=True))


def all_unseen(program: Program, feeds: Sequence[Feed]) -> Feed | None:
    """Streams in which each symbol that never comes does so once or more, at every other step; None
    where all come.
    """
    found = [
        replace(each, unseen=each.unseen[:: -(-len(each.unseen) // MOST_SHOWN)])
        for each in symbols_of(program, feeds)
        if each.unseen.size
    ]
    if not found:
        return None
    longest = max(feeds, key=lambda feed: feed.shape[1] * feed.shape[2])
    vectors = {name: a[0].size // a.shape[-1] for name, a in longest.inputs.items()}
    streams = max(-(-2 * len(each.unseen) // vectors[each.port]) for each in found)
    feed = longest.pick(np.arange(streams) % longest.shape[0])
    inputs = {name: a.copy() for name, a in feed.inputs.items()}
    for each in found:
        rows = inputs[each.port].reshape(-1, inputs[each.port].shape[-1])
        places = np.arange(0, len(rows), 2)
        each.put(rows, places, np.resize(each.unseen, len(places)))
    return replace(feed, inputs=inputs)
