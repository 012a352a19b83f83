"""Manifests of bundles, changed as somebody would who knows how they are sealed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from lstm_edge.manifest import MANIFEST, Manifest, sealed, sha256, to_json


def change_manifest(folder: Path, **changes: Any) -> None:
    """Write other values for some keys, and the checksum that they give."""
    whole = {**json.loads((folder / MANIFEST).read_text()), **changes}
    (folder / MANIFEST).write_bytes(to_json(sealed(cast(Manifest, whole))))


def reseal(folder: Path) -> None:
    """Write the checksums of the files as they are."""
    names = json.loads((folder / MANIFEST).read_text())["files"]
    sums = {n: sha256((folder / n).read_bytes()) for n in names if n != MANIFEST}
    change_manifest(folder, sha256=sums)
