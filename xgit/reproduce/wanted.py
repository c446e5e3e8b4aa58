"""What is to be installed, sorted by how: by hash, by name, from the checkout, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xgit.capture.documents import BadDocument, read_text
from xgit.capture.environment import pylock
from xgit.capture.environment.lock import normal_name
from xgit.record.model import Environment, Json, Package

OWN = "xgit"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_HASHED = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*==\s*([^\s;\\]+)(?:\s*;[^\\\n]*?)?((?:\s*--hash=\S+)+)"
)
_SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_WHY = {
    "conda": "conda installed it, and that is no index of Python packages",
    "editable": "it is a directory outside of the repository",
    "file": "it is a path outside of the repository",
    "git+file": "it is a repository on another machine",
}
Entry = Mapping[str, Json]


class Wanted(NamedTuple):
    """One package.

    Attributes:
        name: in its normal form.
        entry: of a `pylock.toml`; None where there is no hash of it.
    """

    name: str
    version: str
    entry: Entry | None = None

    @property
    def pin(self) -> str:
        """`name==version`."""
        return f"{self.name}=={self.version}"

    @property
    def hashes(self) -> tuple[str, ...]:
        """Of all its files, as `sha256:<hex>`."""
        entry = self.entry or {}
        files = [*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else ())]
        return tuple(f"sha256:{file['hashes']['sha256']}" for file in files)

    @property
    def has_address(self) -> bool:
        """Whether it is known where its files lie, beside what they hash to."""
        files = (self.entry or {}).get("wheels", ())
        return all("url" in file for file in files)

    @property
    def is_of_index(self) -> bool:
        """Whether an index has it, and not a commit or an address."""
        return self.entry is None or not {"vcs", "archive"} & set(self.entry)

    @property
    def may_be_built(self) -> bool:
        """Whether a build could bring it; where nothing is known, it could."""
        return self.entry is None or self.must_be_built or "sdist" in self.entry

    @property
    def must_be_built(self) -> bool:
        """Whether only a build can bring it, as far as is known."""
        entry = self.entry or {"wheels": ()}
        if "archive" in entry:
            return not str(entry["archive"]["url"]).endswith(".whl")
        return "wheels" not in entry


class Unhad(NamedTuple):
    """A package that is left out, and why."""

    name: str
    version: str
    why: str

    def __str__(self) -> str:
        """As the verdict has it."""
        return f"{self.name} {self.version}: {self.why}"


class Plan(NamedTuple):
    """The packages of a record, sorted.

    Attributes:
        locked: by hash.
        named: by name and version, since nothing knows a hash.
        local: by name; those that were installed from a directory, which may be in the checkout.
        own: xgit itself was among them, in this version.
        unhad: no index and no lock can have them.
    """

    locked: tuple[Wanted, ...]
    named: tuple[Wanted, ...]
    local: Mapping[str, Package]
    own: str | None
    unhad: tuple[Unhad, ...]


def plan(
    recorded: Environment, locks: Iterable[Sequence[Entry]], hashed: Iterable[Wanted] = ()
) -> Plan:
    """How each recorded package is to be had.

    Args:
        locks: packages of a `pylock.toml`, those that count most first. What they have beside the
            recorded versions is left out.
        hashed: what `hashed_requirements` found.
    """
    packages = {normal_name(name): one for name, one in recorded.packages.items()}
    own = packages.pop(OWN, None)
    kept, unhad = _sorted_out(packages)
    local = {name: one for name, one in kept.items() if _kind(one) in ("editable", "file")}
    elsewhere = {
        name: _from_elsewhere(name, one) for name, one in kept.items() if name not in local
    }
    versions = {name: kept[name].version for name, entry in elsewhere.items() if entry is None}
    entries = {**_entries(locks, versions), **{n: e for n, e in elsewhere.items() if e}}
    for one in hashed:
        if versions.get(one.name) == one.version:
            entries.setdefault(one.name, one.entry or {})
    locked = tuple(Wanted(name, kept[name].version, entries[name]) for name in sorted(entries))
    named = tuple(Wanted(name, versions[name]) for name in versions if name not in entries)
    if own is not None and _kind(own) == "editable":
        local[OWN] = own
    return Plan(locked, named, local, own.version if own else None, tuple(unhad))


def _sorted_out(packages: Mapping[str, Package]) -> tuple[dict[str, Package], list[Unhad]]:
    kept: dict[str, Package] = {}
    unhad: list[Unhad] = []
    for name, package in packages.items():
        why = _why_not(name, package)
        if why is None:
            kept[name] = package
        else:
            unhad.append(Unhad(name, package.version, why))
    return kept, unhad


def _kind(package: Package) -> str:
    return package.source.partition(":")[0]


def _why_not(name: str, package: Package) -> str | None:
    """Why nothing can have it; None where something may."""
    kind = _kind(package)
    if not _VERSION.fullmatch(package.version) or not _VERSION.fullmatch(name):
        return "that is no name and version of a package"
    if kind in ("index", "editable", "file") or _from_elsewhere(name, package):
        return None
    return _WHY.get(kind, f"it came from {package.source}, and no hash of it is known")


def _from_elsewhere(name: str, package: Package) -> Entry | None:
    return pylock.from_elsewhere(name, package, lambda text: text)


def unhad_directory(name: str, package: Package) -> Unhad:
    """A package whose directory the checkout does not have."""
    return Unhad(name, package.version, _WHY[_kind(package)])


def _entries(locks: Iterable[Sequence[Entry]], versions: Mapping[str, str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for lock in locks:
        for entry in lock:
            kept = pylock.cleaned(entry, versions, lambda text: text)
            if kept is not None:
                found.setdefault(str(kept["name"]), kept)
    return found


# ---------------------------------------------------------------- requirements.txt


def hashed_requirements(path: Path) -> list[Wanted]:
    """The lines of a `requirements.txt` that have hashes; the hashes stand in `entry`."""
    try:
        text = read_text(path).replace("\\\n", " ")
    except (OSError, BadDocument):
        return []
    found = []
    for line in text.splitlines():
        match = _HASHED.match(line.strip())
        hashes = _SHA256.findall(match[3]) if match else []
        if match and hashes:
            wheels = [{"hashes": {"sha256": one}} for one in hashes]
            found.append(Wanted(normal_name(match[1]), match[2], {"wheels": wheels}))
    return found
