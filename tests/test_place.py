"""The directory of a reproduction: its own, and gone when its process is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xgit.errors import XgitError
from xgit.reproduce.place import base_directory, make_place, remove


def test_it_is_gone_afterwards() -> None:
    with make_place("one") as place:
        (place / "checkout").mkdir()
        assert place.parent == base_directory()
        assert place.name.startswith("one-")
    assert list(base_directory().iterdir()) == []


def test_it_is_gone_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), make_place("one"):
        raise ValueError("x")
    assert list(base_directory().iterdir()) == []


def test_what_is_kept_stays() -> None:
    with make_place("one", keep=True) as kept:
        pass
    with make_place("two"):
        assert kept.is_dir()
    assert kept.is_dir()


def test_that_of_a_living_process_stays_and_that_of_a_dead_one_goes() -> None:
    code = (
        "import sys; from xgit.reproduce.place import make_place\n"
        "with make_place('other') as place: print(place, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    other = Path(process.stdout.readline().strip())
    with make_place("one"):
        assert other.is_dir()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        assert other.is_dir()
    with make_place("one"):
        assert not other.exists()


def test_what_a_program_made_read_only_goes_too() -> None:
    with make_place("one") as place:
        folder = place / "a/b"
        folder.mkdir(parents=True)
        (folder / "file").touch(0o444)
        (place / "link").symlink_to("/nowhere")
        folder.chmod(0o500)
        folder.parent.chmod(0o500)
    assert not place.exists()


def test_what_is_not_there_is_removed_all_the_same(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")


def test_where_nothing_can_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(XgitError, match="Not a directory"), make_place("one"):
        pass
