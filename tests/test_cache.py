"""The cache remembers what cannot quickly turn false, and its loss costs time only."""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xgit.capture.cache import FILE_NAME, RACY_NS, Cache, Stamp
from xgit.capture.data.hashing import hash_file, hash_files

NOW_NS = 2_000_000_000_000_000_000
OLD = Stamp(3, NOW_NS - 10 * RACY_NS, NOW_NS - 10 * RACY_NS, 7)


def opened(folder: Path) -> Cache:
    return Cache(folder, clock_ns=lambda: NOW_NS)


def keep(folder: Path, path: str = "/data/a", stamp: Stamp = OLD) -> None:
    with opened(folder) as cache:
        cache.keep_hashes({path: "abc"}, {path: stamp}, "md5")


def test_keeps_a_hash_as_long_as_the_stat_is_the_same(tmp_path: Path) -> None:
    keep(tmp_path)
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {"/data/a": "abc"}
        assert cache.hashes({"/data/a": OLD}, "sha256") == {}
        for name in Stamp._fields:
            other = OLD._replace(**{name: getattr(OLD, name) + 1})
            assert cache.hashes({"/data/a": other}, "md5") == {}


@pytest.mark.parametrize("name", ["mtime_ns", "ctime_ns"])
def test_hash_of_a_file_changed_just_now_is_not_kept(tmp_path: Path, name: str) -> None:
    recent = OLD._replace(**{name: NOW_NS - RACY_NS // 2})
    keep(tmp_path, stamp=recent)
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": recent}, "md5") == {}


def test_odd_names_and_inodes(tmp_path: Path) -> None:
    path = os.fsdecode(b"/data/new\nline \xff")
    big = Stamp.of(os.stat_result((0o100644, 2**64 - 2, 0, 1, 0, 0, 3, *range(12))))
    keep(tmp_path, path, big)
    with opened(tmp_path) as cache:
        assert cache.hashes({path: big, "/data/z": OLD}, "md5") == {path: "abc"}


def test_facts(tmp_path: Path) -> None:
    facts = [f"fact {number}" for number in range(1200)]
    with opened(tmp_path) as cache:
        assert cache.known_facts(facts) == set()
        cache.keep_facts(facts[:1100])
    with opened(tmp_path) as cache:
        assert cache.known_facts(facts) == set(facts[:1100])


def test_facts_are_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        cache.drop_facts(["a is on b"])
        assert not (tmp_path / FILE_NAME).exists()
        cache.keep_facts(["a is on b", "c is on d"])
        cache.drop_facts(["a is on b", "never known"])
        assert cache.known_facts(["a is on b", "c is on d"]) == {"c is on d"}


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    with opened(tmp_path / "xgit") as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {}
        assert cache.known_facts(["x"]) == set()
        cache.keep_facts([])
    assert not (tmp_path / "xgit").exists()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {}
    keep(tmp_path)
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {"/data/a": "abc"}


def test_damage_in_the_middle_is_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        cache.keep_facts(f"fact {number}" * 20 for number in range(2000))
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)
    with opened(tmp_path) as cache:
        assert cache.known_facts(["fact 1" * 20]) == set()
        cache.keep_facts(["new"])
        assert cache.known_facts(["new"]) == {"new"}


def test_other_version_is_replaced(tmp_path: Path) -> None:
    keep(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {}
    keep(tmp_path)


def test_locked_file_is_left_alone(tmp_path: Path) -> None:
    keep(tmp_path)
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("BEGIN EXCLUSIVE")
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {}
        cache.keep_facts(["x"])
    other.rollback()
    other.close()
    with opened(tmp_path) as cache:
        assert cache.hashes({"/data/a": OLD}, "md5") == {"/data/a": "abc"}


def test_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "xgit").write_text("a file in the way", encoding="utf-8")
    keep(tmp_path / "xgit")
    with opened(tmp_path / "xgit") as cache:
        assert cache.known_facts(["x"]) == set()


def test_many_at_once(tmp_path: Path) -> None:
    def one(number: int) -> None:
        with opened(tmp_path / "xgit") as cache:
            cache.keep_facts([f"fact {number}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(24)))
    with opened(tmp_path / "xgit") as cache:
        assert len(cache.known_facts([f"fact {number}" for number in range(24)])) == 24


def test_large_files_are_hashed_side_by_side(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(path.name.encode() * (12 * 1024 * 1024))
    files = {str(path): Stamp.of(path.stat()) for path in paths}
    later = Cache(tmp_path / "xgit", clock_ns=lambda: time.time_ns() + 10 * RACY_NS)
    hashes = hash_files(files, "md5", later)
    assert hashes == {path: hash_file(path, "md5")[0] for path in files}
    assert later.hashes(files, "md5") == hashes
    later.close()
