"""Make a package of a bundle and put it into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.packages.about import About
from lstm_edge.packages.folder import with_record, write_archives, write_package
from lstm_edge.packages.systems import archive_files, checked_systems, package_files


@dataclass(frozen=True)
class Packed:
    """What was written: the folder, for which systems, and the archives beside it."""

    folder: Path
    systems: tuple[str, ...]
    archives: tuple[Path, ...]


def default_folder(bundle_folder: Path, name: str) -> Path:
    """`build/digits-package/digits` for `build/digits`: the folder has the model's name, which
    ESP-IDF and Arduino take from it.
    """
    return bundle_folder.with_name(f"{bundle_folder.name}-package") / name


def pack(
    bundle: Bundle,
    systems: Sequence[str],
    about: About,
    folder: Path | None = None,
    *,
    archives: bool = False,
) -> Packed:
    """Write a package for some systems, or `all`, of a bundle; archives: .zip and .pack, too.

    DataError where a system cannot take it, or something in the folder would be lost.
    """
    chosen = checked_systems(systems)
    name = bundle.program.name
    files = package_files(bundle, chosen, about)
    packed = archive_files(files, name, chosen, about) if archives else {}
    place = folder or default_folder(bundle.folder, name)
    write_package(place, with_record(files, name))
    write_archives(place.parent, packed)
    return Packed(place, chosen, tuple(place.parent / each for each in packed))
