"""The kept output: whole while it is small, head and tail with a count when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xgit.run.output import BoundedLog, read_log


def write(directory: Path, limit: int, *pieces: bytes) -> bytes:
    log = BoundedLog(directory, limit)
    for piece in pieces:
        log.write(piece)
    log.close()
    return read_log(directory, limit).joined()


def test_small_output_is_kept_whole(tmp_path: Path) -> None:
    assert write(tmp_path, 100, b"one\n", b"two\n") == b"one\ntwo\n"


def test_no_output(tmp_path: Path) -> None:
    assert write(tmp_path, 100) == b""
    assert read_log(tmp_path / "absent", 100).joined() == b""


@pytest.mark.parametrize("size", range(0, 400, 7))
@pytest.mark.parametrize("piece", [1, 13, 1000])
def test_head_and_tail_and_the_count_of_what_is_missing(
    tmp_path: Path, size: int, piece: int
) -> None:
    stream = bytes(i % 251 for i in range(size))
    kept = write(tmp_path, 100, *(stream[at : at + piece] for at in range(0, size, piece)))
    if size <= 100:
        assert kept == stream
        return
    told = f"\n… {size - 100} bytes left out here …\n".encode()
    assert kept == stream[:50] + told + stream[-50:]


def test_a_gigabyte_costs_no_disk(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path, 1000)
    for _ in range(1000):
        log.write(b"x" * 10_000)
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1500


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_costs_the_log_and_not_the_run(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "output.0")
    log = BoundedLog(tmp_path, 100)
    log.write(b"text")
    log.write(b"more")
    assert log.failed == "No space left on device"
    log.close()


def test_half_a_secret_at_the_cut_is_left_out(tmp_path: Path) -> None:
    secret = b"hunter2hunter2"
    for shift in range(len(secret) + 1):
        folder = tmp_path / str(shift)
        folder.mkdir()
        log = BoundedLog(folder, 200)
        log.write(b"x" * (100 - shift) + secret + b"y" * 500 + secret + b"z" * (100 - shift))
        log.close()
        kept = read_log(folder, 200).joined(
            lambda data: data.replace(secret, b"***"), margin_bytes=len(secret)
        )
        assert b"hunter" not in kept
        assert b"er2" not in kept
