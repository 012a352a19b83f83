"""A folder has the earlier files or the new ones, whenever the process that writes them ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import lstm_edge
from lstm_edge import bundle, folders
from lstm_edge.errors import DataError
from lstm_edge.manifest import MANIFEST
from tests.support.command import FIXTURES
from tests.support.manifests import change_manifest

EARLIER = {"net.c": b"1", "net.h": b"1", "net_old.c": b"1", MANIFEST: b"1"}
NEW = {"net.c": b"2", "net.h": b"2", "net_new.c": b"2", "part/of.txt": b"2", MANIFEST: b"2"}


def tree(folder: Path) -> dict[str, bytes]:
    """The files by their paths."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def put_earlier(place: Path, files: dict[str, bytes]) -> None:
    """Of what there was before, this remains."""
    for left in place.parent.iterdir():
        shutil.rmtree(left)
    if files:
        folders.put(place, files)


class Killed(BaseException):
    """In the place of a signal that ends the process."""


def killed_at(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """From call `most` on to the file system on, nothing happens any more."""
    calls = 0

    def limited(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > most:
                raise Killed
            return function(*words, **options)

        return call

    for name in ("mkdir", "write_bytes", "rename", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(Path, name, limited(getattr(Path, name)))
    monkeypatch.setattr(folders, "_exchange", limited(folders._exchange))
    monkeypatch.setattr(shutil, "rmtree", limited(shutil.rmtree))


@pytest.mark.parametrize("earlier", [EARLIER, {}], ids=["over an earlier one", "new"])
def test_killed_anywhere_it_is_the_earlier_or_the_new(
    earlier: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, ends = tmp_path / "net", []
    for most in range(40):
        put_earlier(place, earlier)
        with monkeypatch.context() as patch:
            killed_at(patch, most)
            try:
                folders.put(place, NEW, ["net_old.c"], MANIFEST)
            except Killed:
                ends.append("killed")
            else:
                ends.append("done")
        assert tree(place) in (earlier, NEW) if place.exists() else not earlier
    assert ends[0] == "killed"
    assert ends[-1] == "done"
    assert tree(place) == NEW


def test_beside_files_of_others_the_checksums_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved one by one: as long as the earlier checksums are there, no file is missing, and once
    the new ones are there, all are new.
    """
    mine = {"main.c": b"mine"}
    place = tmp_path / "net"
    for most in range(40):
        put_earlier(place, EARLIER | mine)
        with monkeypatch.context() as patch:
            killed_at(patch, most)
            with suppress(Killed):
                folders.put(place, NEW, ["net_old.c"], MANIFEST)
        found = tree(place)
        assert found["main.c"] == b"mine"
        if found[MANIFEST] == NEW[MANIFEST]:
            assert found.items() >= NEW.items()
        else:
            assert found.keys() >= EARLIER.keys()
    assert found == NEW | mine


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, running = (tmp_path / f".net{folders.STAGE}{n}" for n in (ended.pid, os.getppid()))
    for folder in (left, running):
        folder.mkdir()
        (folder / "net.c").write_bytes(b"")
    folders.put(tmp_path / "net", NEW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [running.name, "net"]


def test_a_process_that_is_killed_leaves_one_version(tmp_path: Path) -> None:
    """As above, by real signals at any time."""
    program = (
        "import sys; from pathlib import Path; from lstm_edge.folders import put\n"
        "for k in range(10**9): put(Path(sys.argv[1]),"
        " {f'{n}.c': str(k).encode() for n in range(20)}, last='19.c')"
    )
    place = tmp_path / "net"
    for k in range(12):
        running = subprocess.Popen([sys.executable, "-c", program, place])
        while not place.exists():
            time.sleep(0.001)
        time.sleep(0.1 + 0.0037 * k)
        running.kill()
        running.wait()
        assert len(set(tree(place).values())) == 1


def test_a_place_where_nothing_can_be_beside(tmp_path: Path) -> None:
    """A folder that somebody stands in, a link to one, and a file in the way."""
    place = tmp_path / "net"
    folders.put(place, EARLIER)
    (tmp_path / "link").symlink_to(place)
    folders.put(tmp_path / "link", NEW, ["net_old.c"])
    assert tree(place) == NEW
    program = "from pathlib import Path; from lstm_edge.folders import put; import os\n"
    program += "put(Path('.'), {'net.c': b'3'}); print(os.listdir('.'))"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=True
    )
    assert "net.c" in told.stdout
    assert (place / "net.c").read_bytes() == b"3"
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(DataError, match="cannot be written"):
        folders.put(tmp_path / "file", NEW)
    with pytest.raises(DataError, match="is a folder where a file belongs"):
        folders.put_file(place, b"")
    assert (tmp_path / "file").read_bytes() == b"mine"
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    with pytest.raises(DataError, match="one cannot be written"):
        folders.put(tmp_path / "one", NEW)


@pytest.fixture(scope="module")
def made() -> lstm_edge.Compiled:
    model = lstm_edge.load(FIXTURES / "lstm_open.legacy.onnx", name="net")
    return lstm_edge.compile(model, target="host")


def test_no_manifest_makes_compile_remove_what_is_not_ours(
    made: lstm_edge.Compiled, tmp_path: Path
) -> None:
    """A bundle's own files go when they are superseded; what is listed, and is not of a name that
    one has or has been changed, stays.
    """
    folder = tmp_path / "b"
    made.save(folder)
    more = {"precious.txt": b"mine", "net_old.c": b"int old;", "net_edited.c": b"int edited;"}
    more["net_weights.bin"] = b"of one that could be updated"
    for name, data in more.items():
        (folder / name).write_bytes(data)
    listed = json.loads((folder / MANIFEST).read_text())
    sums = listed["sha256"] | {n: bundle.sha256(d) for n, d in more.items()}
    change_manifest(folder, files=[*listed["files"], *more], sha256=sums)
    (folder / "net_edited.c").write_bytes(b"int changed;")
    made.save(folder)
    assert {path.name for path in folder.iterdir()} - made.files.keys() == {
        "precious.txt",
        "net_edited.c",
    }
    assert lstm_edge.open(folder).files == made.files
