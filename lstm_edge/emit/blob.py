"""Weights as one block of bytes that firmware can be given a new one of, and the C that reads it.

The block is a C struct: a header, then arrays, those of large numbers first, so that no compiler
puts anything between them. All of our cores are little-endian.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.emit.constants import BYTES
from lstm_edge.emit.view import Constant

MAGIC = 0x4257454C
"""The bytes `LEWB`."""
VERSION = 1
"""Of the header."""
HEADER = struct.Struct("<IIIIII32s32s32s")
COVERED = 8
"""The first byte that the checksum covers: magic and itself come before."""
LAYOUT_AT = 6
"""The word of the header that the hash of the code begins with."""
MULTIPLE = 8
"""The block's length is a multiple of this, and so is that of the header."""
NO_HASH = 64 * "0"


def _crc_of_nibble(n: int) -> int:
    """What four bits add to a CRC-32, its polynomial being 0xEDB88320 with the bits reversed."""
    for _ in range(4):
        n = (n >> 1) ^ (0xEDB88320 if n & 1 else 0)
    return n


CRC_TABLE = tuple(tuple(_crc_of_nibble(n) for n in range(row, row + 4)) for row in (0, 4, 8, 12))


@dataclass(frozen=True)
class Replaceable:
    """What belongs to weights that can be replaced. model, proof: SHA-256 of the model's file and
    of the proof, in hexadecimal; revision: a number that firmware may compare; tests: what the
    self-test gives and expects.
    """

    model: str
    proof: str = NO_HASH
    revision: int = 0
    tests: tuple[Constant, ...] = ()


@dataclass(frozen=True)
class Blob:
    """The arrays of a block in their order, named as members. name: of the model; macros: name in
    the code -> member; tests: the same of tables of the self-test; layout: SHA-256 of the code that
    reads them.
    """

    name: str
    members: tuple[Constant, ...]
    macros: Mapping[str, str]
    tests: Mapping[str, str]
    of: Replaceable
    layout: str = NO_HASH

    @property
    def size(self) -> int:
        """Bytes of the block."""
        return HEADER.size + sum(_bytes_of(each) for each in self.members)

    @property
    def alignment(self) -> int:
        """What the address of the block is a multiple of."""
        return max(4, *(BYTES[each.ctype] for each in self.members))

    @property
    def data(self) -> bytes:
        """The block."""
        arrays = b"".join(
            np.ascontiguousarray(each.numbers).astype(_dtype(each)).tobytes()
            for each in self.members
        )
        hashes = [bytes.fromhex(text) for text in (self.layout, self.of.model, self.of.proof)]
        made = HEADER.pack(MAGIC, 0, VERSION, self.size, self.of.revision, 0, *hashes) + arrays
        return made[:4] + struct.pack("<I", checksum(made)) + made[COVERED:]

    @property
    def header(self) -> tuple[int, ...]:
        """Magic, checksum, version, length, revision and the word that is kept free."""
        return HEADER.unpack(self.data[: HEADER.size])[:6]

    @property
    def hashes(self) -> tuple[Constant, ...]:
        """Layout, model and proof as C prints them."""
        named = (("layout", self.layout), ("model", self.of.model), ("proof", self.of.proof))
        return tuple(
            Constant(name, "uint8_t", (32,), np.frombuffer(bytes.fromhex(text), np.uint8), "")
            for name, text in named
        )

    def read_by(self, texts: Iterable[str]) -> Blob:
        """The same for code of these texts, and what they say beside the arrays."""
        found = hashlib.sha256("\0".join(texts).encode()).hexdigest()
        return replace(self, layout=found)


def file_of(name: str) -> str:
    """The file of a bundle that is the block of a model."""
    return f"{name}_weights.bin"


def checksum(data: bytes) -> int:
    """The CRC-32 that belongs into the header of a block."""
    return zlib.crc32(data[COVERED:])


def blob_of(name: str, constants: Iterable[Constant], of: Replaceable) -> Blob:
    """The block of a model's weights. name: what those of the code begin with."""
    members = [replace(c, name=c.name.removeprefix(f"{name}_")) for c in constants]
    macros = {f"{name}_{each.name}": each.name for each in members}
    tests = {}
    for each in of.tests:
        tests[each.name] = f"test_{each.name}"
        while tests[each.name] in macros.values():
            tests[each.name] += "_"
        members.append(replace(each, name=tests[each.name]))
    members.sort(key=lambda each: -BYTES[each.ctype])
    over = -sum(_bytes_of(each) for each in members) % MULTIPLE
    if over:
        padding = np.zeros(over, np.uint8)
        members.append(
            Constant("padding_", "uint8_t", (over,), padding, "to a multiple of 8 bytes")
        )
    return Blob(name, tuple(members), macros, tests, of)


def _bytes_of(each: Constant) -> int:
    return int(each.numbers.size) * BYTES[each.ctype]


def _dtype(each: Constant) -> str:
    kind = {"f": "f", "u": "u"}.get(each.ctype[0], "i")
    return f"<{kind}{BYTES[each.ctype]}"
