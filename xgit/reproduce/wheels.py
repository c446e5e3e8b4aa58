"""Whether installed files are those of their wheels.

uv takes files from its cache by a hard link where it can, and trusts what lies there: an edit in
the `site-packages` of some environment may have changed them.
"""

from __future__ import annotations

import base64
import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

_THREADS = 4
_CHUNK = 64  # files handed to a thread at once


class _File(NamedTuple):
    package: str
    path: Path
    digest: str


def altered(site: Path, prefix: Path) -> tuple[str, str] | None:
    """The first file that is not what its wheel says, as package and path; None where all are."""
    files = list(_files(site, prefix))
    pieces = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
    with ThreadPoolExecutor(_THREADS) as threads:
        for found in threads.map(_first_altered, pieces):
            if found is not None:
                return found.package, os.path.relpath(found.path, prefix)
    return None


def _files(site: Path, prefix: Path) -> Iterator[_File]:
    for record in sorted(site.glob("*.dist-info/RECORD")):  # what xgit laid out has none
        name = record.parent.name.partition("-")[0]
        with record.open(encoding="utf-8", newline="") as rows:
            for row in csv.reader(rows):
                kind, _, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
                path = Path(os.path.normpath(site / row[0])) if row else site
                if kind == "sha256" and path.is_relative_to(prefix):
                    yield _File(name, path, digest)


def _first_altered(files: list[_File]) -> _File | None:
    from hashlib import file_digest

    for file in files:
        try:
            with file.path.open("rb") as content:
                digest = file_digest(content, "sha256").digest()
        except OSError:
            return file
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.digest.rstrip("="):
            return file
    return None
