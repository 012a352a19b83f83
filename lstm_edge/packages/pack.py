"""A package of a bundle: made first, then put into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.packages.about import About
from lstm_edge.packages.folder import with_record, write_archives, write_package
from lstm_edge.packages.systems import archive_files, checked_systems, package_files


@dataclass(frozen=True)
class Package:
    """systems: what it is for. files: of the folder, by path. archives: beside it, by name."""

    name: str
    systems: tuple[str, ...]
    files: Mapping[str, bytes]
    archives: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; DataError where something would be lost."""
        write_package(folder, with_record(self.files, self.name))
        write_archives(folder.parent, self.archives)


def package_of(
    bundle: Bundle, systems: Sequence[str], about: About, *, archives: bool = False
) -> Package:
    """A package for some systems, or `all`; archives: .zip and .pack, too.

    DataError where a system cannot take the model. Nothing is written.
    """
    chosen = checked_systems(systems)
    name = bundle.program.name
    files = package_files(bundle, chosen, about)
    packed = archive_files(files, name, chosen, about) if archives else {}
    return Package(name, chosen, files, packed)


def default_folder(bundle_folder: Path, name: str) -> Path:
    """`build/digits-package/digits` for `build/digits`: the folder has the model's name, which
    ESP-IDF and Arduino take from it.
    """
    return bundle_folder.with_name(f"{bundle_folder.name}-package") / name
