"""The text of `pylock.toml` (PEP 751): made from what uv answered, and read.

It is written anew, so that the same environment makes the same bytes: in the order of names,
without dates, comments, credentials, and paths of this machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from xgit.capture.environment.lock import normal_name
from xgit.record.model import Json, Package, Unlocked
from xgit.record.urls import strip_url

_REMOTE_URL = re.compile(r"https?://[^\s/]+/.*")
_GIT = re.compile(r"git\+([a-z+]+://.+)@([0-9a-f]{40,64})(?:#subdirectory=(.+))?")
_ARCHIVE = re.compile(r"(https?://[^#?]+)#sha256=([0-9a-f]{64})")
_FILE_KEYS = ("url", "size", "hashes")
_WORDS = {"a": "alpha", "b": "beta", "c": "rc", "pre": "rc", "preview": "rc"}
_ELSEWHERE = {
    "conda": "conda installed it, and that is no index of Python packages",
    "editable": "it is an editable install of a directory on that machine",
    "file": "it was installed from a path on that machine",
    "git+file": "it was installed from a repository on that machine",
}
_FROM_URL = "it was installed from an address, and its installer did not note the hash"
_NOT_FOUND = "no index that uv was told of, and others can reach, has this version for this Python"
_NOT_FOUND_LOCAL = f"{_NOT_FOUND}: a version with + mostly comes from an index of its own"
Entry = Mapping[str, Json]


# ---------------------------------------------------------------- what cannot be installed again


def rebuildable(text: str, packages: Mapping[str, Package], root: str = "") -> tuple[Unlocked, ...]:
    """The packages that a `pylock.toml` cannot bring back, and why; empty when it has all.

    Args:
        root: the repository; a package that is installed from inside of it has a `directory`.

    Raises:
        ValueError: the text is no `pylock.toml`.
    """
    return missing(locked_names(text), packages, root)


def missing(
    locked: Collection[str], packages: Mapping[str, Package], root: str = ""
) -> tuple[Unlocked, ...]:
    """The same, from the normal names of the packages that are in the lock."""
    return tuple(
        _unlocked(name, package, root)
        for name, package in packages.items()
        if normal_name(name) not in locked
    )


def _unlocked(name: str, package: Package, root: str) -> Unlocked:
    kind, _, path = package.source.partition(":")
    if kind in ("editable", "file") and root:
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(root))
        if inside.split(os.sep)[0] != os.pardir:
            why = "it is a directory of this repository, which the commit has"
            return Unlocked(name, package.version, why, inside)
    return Unlocked(name, package.version, _why(kind, package))


def _why(kind: str, package: Package) -> str:
    if package.source == "index":
        return _NOT_FOUND_LOCAL if "+" in package.version else _NOT_FOUND
    return _ELSEWHERE.get(kind, _FROM_URL)


def locked_names(text: str) -> frozenset[str]:
    """The normal names of the packages in a `pylock.toml`.

    Raises:
        ValueError: it is none.
    """
    return frozenset(normal_name(str(one.get("name"))) for one in read_entries(text)[1])


# ---------------------------------------------------------------- read


def read_entries(text: str) -> tuple[str | None, list[dict[str, Json]]]:
    """`requires-python` and the packages of a `pylock.toml`.

    Raises:
        ValueError: it is none.
    """
    import tomllib  # not needed by the run itself, which reads no lock

    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    packages, wanted = document.get("packages", []), document.get("requires-python")
    if "lock-version" not in document or not isinstance(packages, list):
        raise ValueError("it is no pylock.toml")
    if not all(isinstance(one, dict) for one in packages):
        raise ValueError("its packages are no tables")
    return wanted if isinstance(wanted, str) else None, packages


def cleaned(entry: Entry, wanted: Mapping[str, str], mask: Callable[[str], str]) -> Entry | None:
    """A package of uv's answer as it may be kept; None where nothing of use is left.

    Args:
        wanted: the version that is installed, by normal name: what the user's settings bent
            away from it is not what ran.
        mask: takes secrets out of a text; a file whose address holds one is left out.
    """
    name = normal_name(str(entry.get("name")))
    version = str(entry.get("version"))
    if name not in wanted or _version(version) != _version(wanted[name]):
        return None
    wheels = [file for one in _list(entry.get("wheels")) if (file := _file(one, mask))]
    sdist = _file(entry.get("sdist"), mask)
    if not wheels and not sdist:
        return None
    index = _address(entry.get("index"), mask)
    parts: dict[str, Json] = {"name": name, "version": version}
    parts |= {"index": index} if index else {}
    parts |= {"sdist": sdist} if sdist else {}
    return parts | ({"wheels": sorted(wheels, key=_url)} if wheels else {})


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _url(file: Entry) -> str:
    return str(file["url"])


def _file(file: Json, mask: Callable[[str], str]) -> dict[str, Json] | None:
    """A wheel or an sdist: its address, its size and its SHA-256."""
    if not isinstance(file, dict) or not isinstance(file.get("hashes"), dict):
        return None
    url, digest = _address(file.get("url"), mask), file["hashes"].get("sha256")
    if url is None or not isinstance(digest, str):
        return None
    kept = {"url": url, "size": file.get("size"), "hashes": {"sha256": digest}}
    return {key: kept[key] for key in _FILE_KEYS if kept[key] is not None}


def _address(url: Json, mask: Callable[[str], str]) -> str | None:
    """The address of a file that others can reach, without credentials; what follows a `?` may be
    a signature, and is cut as well.
    """
    if not isinstance(url, str):
        return None
    bare = re.split(r"[?#]", strip_url(url))[0]
    return bare if _REMOTE_URL.fullmatch(bare) and mask(bare) == bare else None


def _version(text: str) -> list[str | int]:
    """A version in parts, so that `2024.01.1` and `2024.1.1` are the same."""
    parts = re.findall(r"[0-9]+|[a-z]+", text.lower().removeprefix("v"))
    return [int(part) if part.isdigit() else _WORDS.get(part, part) for part in parts]


def from_elsewhere(name: str, package: Package, mask: Callable[[str], str]) -> Entry | None:
    """What came from a commit or from an address with a hash; no index has to be asked."""
    commit = _GIT.fullmatch(package.source)
    if commit is not None and not package.source.startswith("git+file:"):
        if mask(package.source) != package.source:
            return None
        vcs = {"type": "git", "url": commit[1], "commit-id": commit[2]}
        return {"name": normal_name(name), "vcs": vcs | _below(commit[3])}
    archive = _ARCHIVE.fullmatch(package.source)
    if archive is None or mask(archive[1]) != archive[1]:
        return None
    content = {"url": archive[1], "hashes": {"sha256": archive[2]}}
    return {"name": normal_name(name), "version": package.version, "archive": content}


def _below(folder: str | None) -> dict[str, Json]:
    return {"subdirectory": folder} if folder else {}


# ---------------------------------------------------------------- written


def render(requires_python: str | None, entries: Iterable[Entry]) -> str:
    """A `pylock.toml` of these packages, in the order of their names."""
    head = ['lock-version = "1.0"']
    head += [f"requires-python = {_toml(requires_python)}"] if requires_python else []
    blocks = ["\n".join([*head, 'created-by = "xgit"'])]
    for entry in sorted(entries, key=lambda one: str(one["name"])):
        lines = (f"{key} = {_toml(value)}" for key, value in entry.items())
        blocks.append("\n".join(["[[packages]]", *lines]))
    return "\n\n".join(blocks) + "\n"


def _toml(value: Json) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + "".join(f"    {_toml(one)},\n" for one in value) + "]"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    """A basic string: quotes, backslashes and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda one: f"\\u{ord(one[0]):04x}", escaped) + '"'
