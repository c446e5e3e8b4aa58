"""The Python packages of a run, and where each came from.

They are read by the parent from the `sys.path` of the user's interpreter, while the command
runs: no process is started, and neither `importlib.metadata` nor its e-mail parser is loaded,
which would cost the parent 6 MiB and twice the time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from xgit.record.model import Json, Package
from xgit.record.urls import strip_url

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # as packages may be called
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WANTED = (b"name", b"version")
_HEAD_BYTES = 2048  # the two are nearly always in here
_METADATA_BYTES = 4 * 1024 * 1024
_SMALL_BYTES = 65536
_SITE_FOLDERS = ("site-packages", "dist-packages")


class _Found(NamedTuple):
    """An installed distribution, before anything of it was read.

    Attributes:
        metadata: the file whose first lines are its headers.
        folder: the `.dist-info` or `.egg-info` directory; None when its metadata is one file.
        origin: where it was found: the entry of `sys.path`.
    """

    metadata: str
    folder: str | None
    origin: str


class _Unusable(ValueError):
    """A distribution that is no answer, and why, in a few words."""


def installed_packages(path: tuple[str, ...]) -> tuple[dict[str, Package], tuple[str, ...]]:
    """The distributions on a `sys.path`, by their published names in the order of the alphabet.

    Of two distributions of one name the first on the path counts, as it does for an import.

    Returns:
        The packages, and notes on what could not be read.
    """
    first: dict[str, tuple[str, Package, str]] = {}  # by the normalised name
    notes: list[str] = []
    for found in _distributions(path, notes):
        try:
            name, version = _name_and_version(found.metadata)
        except (OSError, _Unusable) as error:
            notes.append(f"{found.metadata} was left out of the packages: {_reason(error)}")
            continue
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key not in first:
            first[key] = (name, Package(version, _source(found)), found.origin)
            continue
        _, other, origin = first[key]
        if origin == found.origin and other.version != version:
            notes.append(f"{name} is installed twice in {origin}: {other.version} and {version}")
    return {first[key][0]: first[key][1] for key in sorted(first)}, tuple(notes)


def _reason(error: OSError | _Unusable) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _distributions(path: tuple[str, ...], notes: list[str]) -> Iterator[_Found]:
    for entry in dict.fromkeys(path):
        if not os.path.isabs(entry):
            continue  # relative to a directory that the program may have left
        try:
            names = sorted(os.listdir(entry))
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            notes.append(f"{entry} is an archive; packages inside it were not read")
        except OSError as error:
            notes.append(f"packages in {entry} could not be read: {error.strerror}")
        else:
            yield from _in_folder(entry, names)


def _in_folder(entry: str, names: list[str]) -> Iterator[_Found]:
    if entry.endswith(".egg") and "EGG-INFO" in names:
        folder = os.path.join(entry, "EGG-INFO")
        yield _Found(os.path.join(folder, "PKG-INFO"), folder, entry)
    for name in names:
        if name.startswith("~"):
            continue  # what pip leaves of a package that it could not remove
        where = os.path.join(entry, name)
        if name.endswith(".dist-info"):
            yield _Found(os.path.join(where, "METADATA"), where, entry)
        elif name.endswith(".egg-info"):
            if os.path.isdir(where):
                yield _Found(os.path.join(where, "PKG-INFO"), where, entry)
            else:
                yield _Found(where, None, entry)


def _name_and_version(path: str) -> tuple[str, str]:
    """The two headers. The directory's name has them too, but not as they were published."""
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
        headers = _headers(head.rpartition(b"\n")[0])
        if len(headers) < len(_WANTED):
            headers = _headers(head + file.read(_METADATA_BYTES))
    name, version = headers.get("name", ""), headers.get("version", "")
    if not _NAME.fullmatch(name):
        raise _Unusable("it has no valid name")
    if not version or not version.isprintable():
        raise _Unusable("it has no valid version")
    return name, version


def _headers(text: bytes) -> dict[str, str]:
    """Name and version, as far as they stand among the headers: those before an empty line."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        key, colon, value = line.partition(b":")
        kind = key.lower()
        if colon and kind in _WANTED:
            headers.setdefault(kind.decode(), value.strip().decode("utf-8", "replace"))
            if len(headers) == len(_WANTED):
                break
    return headers


# ---------------------------------------------------------------- where packages came from


def _source(found: _Found) -> str:
    """`index`, `conda`, or a place; see `Package.source`."""
    if found.folder is None:
        return "index"
    if _read_small(found.folder, "INSTALLER").strip() == b"conda":
        return "conda"  # its direct_url.json names a directory of the build machine
    direct = _read_small(found.folder, "direct_url.json")
    if direct:
        return _direct_source(direct) or "index"
    in_place = os.path.basename(found.origin) not in _SITE_FOLDERS
    if in_place and found.folder.endswith(".egg-info"):
        return f"editable:{found.origin}"  # `setup.py develop`: an .egg-link leads here
    return "index"


def _read_small(folder: str, name: str) -> bytes:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(_SMALL_BYTES)
    except OSError:
        return b""  # most distributions have none


def _direct_source(text: bytes) -> str | None:
    """What a `direct_url.json` (PEP 610) says, or None where it is not one."""
    try:
        direct = json.loads(text)
    except (ValueError, RecursionError):
        return None
    url = _member(direct, "url")
    if not isinstance(url, str):
        return None
    vcs = _member(direct, "vcs_info")
    if vcs:
        below = _member(direct, "subdirectory")
        where = f"#subdirectory={below}" if isinstance(below, str) and below else ""
        return f"{_member(vcs, 'vcs')}+{strip_url(url)}@{_member(vcs, 'commit_id')}{where}"
    if not url.startswith("file:"):
        digest = _digest(_member(direct, "archive_info"))
        return f"{strip_url(url).partition('#')[0]}#sha256={digest}" if digest else strip_url(url)
    editable = _member(_member(direct, "dir_info"), "editable") is True
    return f"{'editable' if editable else 'file'}:{_file_path(url)}"


def _digest(archive: Json) -> str | None:
    """The SHA-256 of an archive, in the newer form or the older one."""
    newer = _member(_member(archive, "hashes"), "sha256")
    kind, _, older = str(_member(archive, "hash") or "").partition("=")
    digest = newer or (older if kind == "sha256" else None)
    return digest if isinstance(digest, str) and _SHA256.fullmatch(digest) else None


def _member(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


def _file_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)
