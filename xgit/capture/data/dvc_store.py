"""How DVC lays objects out in a directory: its cache, and a remote that is a directory."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping

DIR_SUFFIX = ".dir"
LISTING_LIMIT_BYTES = 512 * 1024 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")


def object_path(store: str, digest: str, *, legacy: bool) -> str:
    """Where the object of an MD5 (with `.dir` for a listing) lies in a store.

    Args:
        legacy: whether its pin was made by DVC 2, which had another layout.
    """
    base = store if legacy else f"{store}/files/md5"
    return f"{base}/{digest[:2]}/{digest[2:]}"


def read_listing(
    stores: Iterable[str], digest: str, *, legacy: bool = False
) -> Mapping[str, str] | None:
    """The MD5 of each relative path in a directory, from the first store that has the listing.

    Args:
        digest: `<md5>.dir`; a listing with other content than that counts as not there.
    """
    import hashlib

    for store in stores:
        content = _read(object_path(store, digest, legacy=legacy))
        if content is not None:
            own = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if own == digest.removesuffix(DIR_SUFFIX):
                return _parse_listing(content)
    return None


def _read(path: str) -> bytes | None:
    try:
        if os.path.isfile(path) and os.path.getsize(path) <= LISTING_LIMIT_BYTES:
            with open(path, "rb") as file:
                return file.read()
    except OSError:  # the same as not there: it is of no help
        return None
    return None


def _parse_listing(content: bytes) -> Mapping[str, str] | None:
    try:
        entries = json.loads(content)
        listing = {entry["relpath"]: entry["md5"] for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = all(
        isinstance(name, str) and isinstance(digest, str) and _MD5.fullmatch(digest)
        for name, digest in listing.items()
    )
    return listing if sound else None


def holds(store: str, digest: str, *, legacy: bool, size_bytes: int | None = None) -> bool:
    """Whether a store has an object, and for the listing of a directory each file in it.

    Args:
        size_bytes: how large the file is, where that is known.

    Raises:
        OSError: the store cannot be looked into.
    """
    is_directory = digest.endswith(DIR_SUFFIX)
    # DVC 2 hashed text with other line ends than it stored, so its sizes say nothing.
    expected = None if is_directory or legacy else size_bytes
    if not _has(object_path(store, digest, legacy=legacy), expected):
        return False
    if not is_directory:
        return True
    listing = read_listing([store], digest, legacy=legacy)
    return listing is not None and all(
        _has(object_path(store, entry, legacy=legacy), None) for entry in set(listing.values())
    )


def _has(path: str, size_bytes: int | None) -> bool:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return size_bytes is None or found.st_size == size_bytes
