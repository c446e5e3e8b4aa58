"""What a lock file says is to be installed, and whether it is up to date with the project.

The first that is there of uv.lock, pylock.toml (PEP 751) and requirements.txt is read; of the last
only the lines that pin one version. Nothing is asked of an index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from xgit.capture.cache import Cache, Stamp
from xgit.capture.documents import BadDocument, parse_toml, read_text
from xgit.record.model import Json, Lock

LOCK_FILES = ("uv.lock", "pylock.toml", "requirements.txt")
_MOST_FILES = 50  # that requirements may include
_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;,#*]+)\s*(?:;.*)?")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=)(\S+)")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;@()]*)\)?\s*(;.*)?")
_IN_PLACE = ("editable", "virtual", "directory")


def normal_name(name: str) -> str:
    """The name by which packages are the same, whatever their spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(root: Path, cache: Cache) -> tuple[Lock | None, tuple[str, ...]]:
    """The lock of the project, or None where there is none, and notes on what cannot be read."""
    for name in LOCK_FILES:
        path = root / name
        if not path.is_file():
            continue
        try:
            versions, requires, elsewhere = _content(path, root, cache)
            stale = _differences(root, requires) if requires is not None else ()
        except (BadDocument, OSError) as error:
            return None, (f"{name} was not compared with what is installed: {error}",)
        lock = Lock(name, versions, tuple(stale), elsewhere)
        return (lock, ()) if versions or stale else (None, ())
    return None, ()


Versions = Mapping[str, tuple[str, ...]]
Requires = Mapping[str, list[str]]


def _content(
    path: Path, root: Path, cache: Cache
) -> tuple[Versions, Requires | None, frozenset[str]]:
    if path.name == "requirements.txt":
        return _grouped(_pins(path, root, set())), None, frozenset()
    found = _remembered(path, cache)
    versions = {name: tuple(some) for name, some in found["versions"].items()}
    return versions, found["requires"], frozenset(found["elsewhere"])


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(normal_name(name), []).append(value)
    return {name: tuple(dict.fromkeys(values)) for name, values in sorted(found.items())}


# ---------------------------------------------------------------- requirements.txt


def _pins(path: Path, root: Path, seen: set[Path]) -> Iterator[tuple[str, str]]:
    """Name and version of each pin, those of included files of this project too."""
    seen.add(path)
    for line in read_text(path).replace("\\\n", " ").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).partition(" --hash")[0].strip()
        pin = _PIN.fullmatch(text)
        if pin is not None:
            yield pin[1], pin[2]
            continue
        include = _INCLUDE.fullmatch(text)
        if include is None or "://" in include[1]:
            continue
        other = (path.parent / include[1]).resolve()
        is_new = other not in seen and len(seen) < _MOST_FILES
        if is_new and other.is_relative_to(root.resolve()) and other.is_file():
            yield from _pins(other, root, seen)


# ---------------------------------------------------------------- uv.lock and pylock.toml


def _remembered(path: Path, cache: Cache) -> dict[str, Json]:
    """The gist of a lock file, which takes long to parse, kept while its stat is the same."""
    stamp = Stamp.of(path.stat())
    known = cache.document(f"{path}#lock-2", stamp)
    if known is not None:
        return json.loads(known)  # type: ignore[no-any-return]
    gist = _gist(parse_toml(read_text(path)))
    if Stamp.of(path.stat()) == stamp:
        cache.keep_document(f"{path}#lock-2", stamp, json.dumps(gist))
    return gist


def _gist(document: Json) -> dict[str, Json]:
    """Versions by name; of uv.lock also what the project asked for when it was locked."""
    packages = _tables(document, "package") or _tables(document, "packages")
    pairs: list[tuple[str, str]] = []
    elsewhere: set[str] = set()
    requires: Json = None
    for package in packages:
        name, version, source = (package.get(key) for key in ("name", "version", "source"))
        in_place = isinstance(source, dict) and any(key in source for key in _IN_PLACE)
        if isinstance(source, dict) and "." in (source.get("editable"), source.get("virtual")):
            metadata = package.get("metadata")
            requires = _locked_requires(metadata if isinstance(metadata, dict) else {})
        if isinstance(name, str) and isinstance(version, str) and not in_place:
            pairs.append((name, version))
            elsewhere |= set() if _is_from_index(package) else {normal_name(name)}
    return {"versions": _grouped(pairs), "requires": requires, "elsewhere": sorted(elsewhere)}


def _is_from_index(package: Mapping[str, Json]) -> bool:
    """uv.lock names the index as `source`; pylock.toml names what else there may be."""
    source = package.get("source")
    if isinstance(source, dict):
        return "registry" in source
    return not any(key in package for key in ("vcs", "directory", "archive"))


def _tables(document: Json, key: str) -> list[dict[str, Json]]:
    value = document.get(key) if isinstance(document, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _locked_requires(metadata: dict[str, Json]) -> dict[str, tuple[str, ...]]:
    return _grouped(
        (str(one.get("name")), _clauses(str(one.get("specifier", ""))))
        for one in _tables(metadata, "requires-dist")
    )


# ---------------------------------------------------------------- pyproject.toml


def _differences(root: Path, locked: Requires) -> Iterator[str]:
    """How the dependencies in pyproject.toml differ from those that were locked, in words."""
    project = root / "pyproject.toml"
    document = parse_toml(read_text(project)) if project.is_file() else None
    table = document.get("project") if isinstance(document, dict) else None
    if not isinstance(table, dict) or "dependencies" in (table.get("dynamic") or ()):
        return
    wanted = _grouped(_wanted(table))
    for name in sorted({*wanted, *locked}):
        if name not in locked:
            yield f"lacks {name}, which pyproject.toml asks for"
        elif name not in wanted:
            yield f"still has {name}, which pyproject.toml does not ask for"
        elif set(wanted[name]) != set(locked[name]) and "?" not in wanted[name]:
            ours, theirs = (" or ".join(some) or "any" for some in (wanted[name], locked[name]))
            yield f"was made for {name} {theirs or 'any'}, pyproject.toml asks for {ours or 'any'}"


def _wanted(table: dict[str, Json]) -> Iterator[tuple[str, str]]:
    extras = table.get("optional-dependencies")
    lists = [table.get("dependencies"), *(extras.values() if isinstance(extras, dict) else ())]
    for entry in (entry for some in lists if isinstance(some, list) for entry in some):
        found = _REQUIREMENT.fullmatch(entry.partition("@")[0].strip()) if entry else None
        if found is not None:
            # uv keeps no specifier of what comes from a URL
            yield found[1], "?" if "@" in entry else _clauses(found[2])


def _clauses(specifier: str) -> str:
    """A version specifier in one spelling: `<3,>=2`."""
    parts = (re.sub(r"\s", "", part) for part in specifier.split(","))
    return ",".join(sorted(part for part in parts if part))
