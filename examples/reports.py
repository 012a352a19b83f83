"""Write a report of each example, as one HTML file each.

    python -m examples.reports FOLDER [NAME ...]

Each is compiled for a Cortex-M4, verified on this computer and in QEMU, on the labels of test.npz
where it has such, and profiled.
"""

import argparse
import tempfile
from pathlib import Path

from examples.catalogue import Example, find_all
from examples.score import compile_example
from lstm_edge import bundle
from lstm_edge.report import report

BOARD = "stm32l4r5"


def report_of(example: Example, folder: Path) -> str:
    """The text of the report; `folder` is for the compiled model."""
    made = bundle.read(compile_example(example, folder))
    labels = example.test if example.labelled else None
    return report(made, labels=labels, board=BOARD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for example in find_all():
        if given.names and example.name not in given.names:
            continue
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
            text = report_of(example, Path(temporary))
        path = given.folder / f"{example.name}.html"
        path.write_text(text, encoding="utf-8")
        print(f"{path}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
