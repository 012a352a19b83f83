"""Prints arrays of integers, many numbers at once: a model may have millions of weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.view import Array

WIDTH = 100
_AT_ONCE = 2**16
_COMMA, _SPACE, _MINUS, _ZERO, _END = b", -0\n"

Chars = npt.NDArray[np.uint8]


def rows_of(numbers: Array, indent: str) -> list[str]:
    """The initializer of each row of integers between -2^31 and 2^31: on a line where it fits, else
    on lines in columns.
    """
    count, length = numbers.shape
    if length > _AT_ONCE:
        return [_long(row, indent) for row in numbers]
    block = max(1, _AT_ONCE // length)
    return [text for k in range(0, count, block) for text in _block(numbers[k : k + block], indent)]


def _block(numbers: Array, indent: str) -> list[str]:
    cells = _cells(numbers)
    widths = (cells != 0).sum(axis=2)
    short = widths.sum(axis=1) + len(indent) + 4 < WIDTH - 4
    found = np.empty(len(numbers), object)
    found[short] = _on_a_line(cells[short], widths[short].sum(axis=1))
    widest = np.where(short, 0, widths.max(axis=1))
    for width in np.unique(widest[~short]):
        own = widest == width
        lines = _columns(cells[own, :, cells.shape[2] - width :], indent)
        found[own] = [f"{{\n{text}{indent}}}" for text in lines]
    return list(found)


def _long(numbers: Array, indent: str) -> str:
    """The same of one row, which is not looked at as a whole."""
    ends = _cells(np.array([[numbers.min(), numbers.max()]]))
    width = int((ends != 0).sum(axis=2).max())
    block = _AT_ONCE // _per_line(width, indent) * _per_line(width, indent)
    parts = (
        _columns(_cells(numbers[None, k : k + block], width), indent)[0]
        for k in range(0, len(numbers), block)
    )
    return f"{{\n{''.join(parts)}{indent}}}"


def _cells(numbers: Array, width: int = 0) -> Chars:
    """The characters of each number with the comma behind it, at the end of a cell; 0 before."""
    is_sign = numbers < 0
    left = np.abs(numbers.astype(np.int64)).astype(np.uint32)
    width = width or len(str(left.max())) + int(is_sign.any()) + 2
    cells = np.zeros((width, *numbers.shape), np.uint8)
    cells[-1], cells[-2] = _SPACE, _COMMA
    is_written = np.ones_like(is_sign)
    for cell in cells[-3::-1]:
        tens = left // 10
        cell[:] = (left - 10 * tens).astype(np.uint8) + np.uint8(_ZERO)
        cell *= is_written
        cell += (is_sign & ~is_written) * np.uint8(_MINUS)
        is_sign &= is_written
        left = tens
        is_written = left > 0
    return np.moveaxis(cells, 0, -1)


def _on_a_line(cells: Chars, lengths: Array) -> list[str]:
    """Each row of cells in braces."""
    text = np.ascontiguousarray(cells)
    text = text[text != 0].tobytes().decode()
    ends = np.cumsum(lengths)
    starts = ends - lengths
    return [f"{{{text[a : b - 2]}}}" for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


def _columns(cells: Chars, indent: str) -> list[str]:
    """Each row of cells on lines of as many as fit."""
    rows, length, width = cells.shape
    cells = np.where(cells == 0, np.uint8(_SPACE), cells)
    per_line = _per_line(width, indent)
    whole = length // per_line * per_line
    margin = np.frombuffer(f"{indent}    ".encode(), np.uint8)
    parts = []
    for part, count in ((cells[:, :whole], per_line), (cells[:, whole:], length - whole)):
        if part.shape[1]:
            lines = part.reshape(rows, -1, count * width)
            margins = np.broadcast_to(margin, (*lines.shape[:2], len(margin)))
            lines = np.concatenate([margins, lines], axis=2)
            lines[:, :, -1] = _END
            parts.append(lines.reshape(rows, -1))
    text = np.concatenate(parts, axis=1)
    size, every = text.shape[1], text.tobytes().decode()
    return [every[k : k + size] for k in range(0, len(every), size)]


def _per_line(width: int, indent: str) -> int:
    return max(1, (WIDTH - len(indent) - 4) // width)
