"""Write firmware/<name>/samples.h: the samples of test.npz that the firmware of an example has.

    python -m examples.samples NAME ...

`firmware_samples` in example.toml says which rows of test.npz those are. Where the example has
words.txt or characters.txt, that is written as well, and samples of words as texts.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.catalogue import HERE, ROOT, find

Array = npt.NDArray[Any]

COLUMNS = 100
HEAD = """\
/* Written by examples/samples.py from examples/{name}; do not edit. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>

"""
CTYPES = {"float32": "float", "float16": "float"}


def path_of(name: str) -> Path:
    """The file that this writes."""
    return ROOT / "firmware" / name / "samples.h"


def wrapped(items: list[str]) -> list[str]:
    """Items separated by commas, in lines of at most COLUMNS."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > COLUMNS:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return [*lines, line]


def quoted(text: str) -> str:
    """A text as a C string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def number(value: Any) -> str:
    """A number as a C literal."""
    if np.issubdtype(type(value), np.integer):
        return str(value)
    text = np.format_float_positional(value, unique=True, trim="0")
    return f"{text}f"


def array(name: str, values: Array) -> list[str]:
    """A table with all axes that are longer than 1 behind the first."""
    shape = [values.shape[0], *(n for n in values.shape[1:] if n > 1)]
    ctype = CTYPES.get(values.dtype.name, f"{values.dtype.name}_t")
    dims = "".join(f"[{n}]" for n in shape)
    rows = values.reshape(-1, shape[-1] if len(shape) > 1 else values.size)
    lines = [f"static const {ctype} {name}{dims} = {{"]
    depth = max(0, len(shape) - 2)
    for k, row in enumerate(rows):
        opens = depth if len(shape) > 2 and k % shape[-2] == 0 else 0
        closes = depth if len(shape) > 2 and (k + 1) % shape[-2] == 0 else 0
        numbers = wrapped([number(v) for v in row])
        if len(shape) == 1:
            lines += numbers
            continue
        numbers[0] = f"    {'{' * (opens + 1)}{numbers[0].strip()}"
        lines += [*numbers[:-1], f"{numbers[-1].rstrip(',')}{'}' * (closes + 1)},"]
    return [*lines, "};", ""]


def strings(name: str, size: str, texts: list[str]) -> list[str]:
    """A table of texts."""
    lines = [f"static const char *const {name}[{size}] = {{"]
    return [*lines, *wrapped([quoted(text) for text in texts]), "};", ""]


def source(name: str) -> str:
    """The text of samples.h."""
    folder = HERE / name
    example = find(name)
    rows = list(example.firmware_samples)
    chosen = {key: values[rows] for key, values in example.test.items()}
    lines = [f"enum {{ SAMPLES = {len(rows)} }};", ""] if rows else []
    if (folder / "characters.txt").exists():
        characters = (folder / "characters.txt").read_text()
        lines += [f"static const char characters[] = {quoted(characters)};", ""]
    if (folder / "words.txt").exists():
        words = (folder / "words.txt").read_text().split()
        ids = chosen.pop("ids")[:, 0]
        texts = [" ".join(words[k] for k in row if k) for row in ids]
        lines += [f"enum {{ WORDS = {len(words)} }};", "", *strings("words", "WORDS", words)]
        lines += strings("texts", "SAMPLES", texts)
    if rows:
        for key, values in chosen.items():
            lines += array(key, values)
    return HEAD.format(name=name) + "\n".join(lines) + "\n#endif\n"


def main() -> None:
    for name in sys.argv[1:]:
        path_of(name).write_text(source(name))
        print(f"{path_of(name)}  {path_of(name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
