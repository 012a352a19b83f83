"""Write firmware/digits/samples.c: the first image of each digit in test.npz.

python examples/digits/samples.py
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "firmware" / "digits" / "samples.c"
CLASSES = 10
PIXEL_MAX = 16

HEAD = """\
/* Written by examples/digits/samples.py from test.npz; do not edit. */
#include "samples.h"

const struct sample samples[SAMPLES] = {
"""


def source() -> str:
    """The text of samples.c."""
    with np.load(HERE / "test.npz") as saved:
        images = np.rint(saved["rows"][:, 0] * PIXEL_MAX).astype(int)
        labels = saved["label"]
    lines = [HEAD]
    for digit in range(CLASSES):
        image = images[np.flatnonzero(labels == digit)[0]]
        lines.append(f"    {{{digit},\n     {{")
        rows = ["{" + ", ".join(f"{pixel:2d}" for pixel in row) + "}" for row in image]
        lines.append((",\n      ").join(rows))
        lines.append("}},\n")
    return "".join([*lines, "};\n"])


if __name__ == "__main__":
    TARGET.write_text(source())
    print(f"wrote {TARGET.relative_to(HERE.parent.parent)}")
