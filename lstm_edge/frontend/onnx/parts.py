"""How many parts a file has, before they are made: a message of two bytes takes 160 of memory."""

from __future__ import annotations

from functools import cache
from typing import Any

from onnx import ModelProto

from lstm_edge.errors import ModelError

MOST_PARTS = 2_000_000
"""Messages and texts: a file of as many nodes as are accepted has half of them."""
LEAST_BYTES = 2
"""Of a part."""
VARINT, EIGHT_BYTES, SIZED, FOUR_BYTES = 0, 1, 2, 5
"""Kinds of fields, https://protobuf.dev/programming-guides/encoding."""


def check_parts(file: str, content: bytes) -> None:
    """ModelError where there are more than MOST_PARTS; what is no message is left to its reader."""
    if len(content) < LEAST_BYTES * MOST_PARTS:
        return
    count = 0
    waiting: list[tuple[int, int, Any]] = [(0, len(content), ModelProto.DESCRIPTOR)]
    while waiting:
        at, end, kind = waiting.pop()
        messages = _messages(kind)
        try:
            while at < end:
                key, at = _varint(content, at)
                if key & 7 != SIZED:
                    at = _behind(content, at, key & 7)
                    continue
                count += 1
                size, at = _varint(content, at)
                if key >> 3 in messages:
                    waiting.append((at, at + size, messages[key >> 3]))
                at += size
                if count > MOST_PARTS:
                    raise ModelError(
                        file,
                        f"has more than {MOST_PARTS} parts (nodes, attributes, names), which no "
                        "network that is accepted has; export the model again",
                    )
        except IndexError:
            return


@cache
def _messages(kind: Any) -> dict[int, Any]:
    """The fields of a message that are messages themselves."""
    return {f.number: f.message_type for f in kind.fields if f.message_type is not None}


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and the place behind it."""
    number = shift = 0
    while content[at] & 0x80:
        number |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if shift > 63:
            raise IndexError(at)
    return number | content[at] << shift, at + 1


def _behind(content: bytes, at: int, wire: int) -> int:
    """The place behind a field of a fixed size."""
    if wire == VARINT:
        return _varint(content, at)[1]
    sizes = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
    if wire not in sizes:
        raise IndexError(at)
    return at + sizes[wire]
