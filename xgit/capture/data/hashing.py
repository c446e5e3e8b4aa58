"""The hashes of files, by content alone; those of files whose stat is unchanged are remembered."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from xgit.capture.cache import Cache, Stamp
from xgit.errors import XgitError

Algorithm = Literal["md5", "md5-dos2unix", "sha256"]
Hasher = Callable[[str, Algorithm], tuple[str, Stamp | None]]
"""Takes an absolute path; gives the hash in hex, and the stamp if it held while reading."""
_SMALL_BYTES = 256 * 1024
_CHUNK_BYTES = 1024 * 1024  # as DVC has it: each chunk is judged by itself to be text or not
_PARALLEL_BYTES = 32 * 1024 * 1024  # below, threads cost more than they save
_LOOK_BYTES = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


def hash_files(
    files: Mapping[str, Stamp],
    algorithm: Algorithm,
    cache: Cache,
    hasher: Hasher | None = None,
) -> dict[str, str]:
    """The hash in hex of each file, by its absolute path.

    Args:
        files: regular files with their stamps.
        hasher: what reads a file that the cache does not know; `hash_file` when None.

    Raises:
        XgitError: a file cannot be read.
    """
    hashes = cache.hashes(files, algorithm)
    unknown = [path for path in files if path not in hashes]
    total_bytes = sum(files[path].size for path in unknown)
    stamps: dict[str, Stamp] = {}
    for path, (digest, stamp) in _hash_all(unknown, algorithm, hasher or hash_file, total_bytes):
        hashes[path] = digest
        if stamp is not None:
            stamps[path] = stamp
    cache.keep_hashes({path: hashes[path] for path in stamps}, stamps, algorithm)
    return hashes


def _hash_all(
    paths: list[str], algorithm: Algorithm, hasher: Hasher, total_bytes: int
) -> Iterable[tuple[str, tuple[str, Stamp | None]]]:
    def hash_one(path: str) -> tuple[str, Stamp | None]:
        return hasher(path, algorithm)

    if len(paths) < 2 or total_bytes < _PARALLEL_BYTES:  # noqa: PLR2004
        return ((path, hash_one(path)) for path in paths)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return zip(paths, list(pool.map(hash_one, paths)), strict=True)


def hash_file(path: str, algorithm: Algorithm) -> tuple[str, Stamp | None]:
    """The hash in hex of a file's content, and its stamp unless it changed meanwhile.

    Raises:
        XgitError: it cannot be read.
    """
    try:
        # Not to hang on a FIFO, which can have taken the file's place.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise XgitError(f"{path} is not a regular file")
            digest = _digest(file, before.st_size, algorithm)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise XgitError(f"{path} cannot be read: {error.strerror}") from error
    stamp = Stamp.of(after)
    return digest, stamp if stamp == Stamp.of(before) else None


def _digest(file: io.FileIO, size_bytes: int, algorithm: Algorithm) -> str:
    import hashlib

    if algorithm == "md5-dos2unix":
        return _dos2unix_digest(file)
    if size_bytes <= _SMALL_BYTES:
        return hashlib.new(algorithm, file.readall(), usedforsecurity=False).hexdigest()
    return hashlib.file_digest(
        file, lambda: hashlib.new(algorithm, usedforsecurity=False)
    ).hexdigest()


def _dos2unix_digest(file: io.FileIO) -> str:
    """MD5 as DVC 2 had it: chunks that look like text are hashed with LF line ends."""
    import hashlib

    digest = hashlib.md5(usedforsecurity=False)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk.replace(b"\r\n", b"\n") if _is_text(chunk[:_LOOK_BYTES]) else chunk)
    return digest.hexdigest()


def _is_text(block: bytes) -> bool:
    other = len(block.translate(None, _TEXT))
    return b"\0" not in block and other <= 0.3 * len(block)
