"""Which versions that a lock names no index has any more: asked of uv, which knows the indexes.

It is a question for a CI job, which may wait for the network; no more than `LIMIT_SECONDS` though.
What cannot be found out is told in a note, never passed over.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from xgit.capture.documents import BadDocument, parse_toml, read_text
from xgit.capture.environment import locking, uv_program
from xgit.git.plumbing import Repo
from xgit.record.model import Json, Lock, RepoState

# Nothing is built, whatever an index offers; and any of the indexes will do.
_OPTIONS = ("--no-build", "--index-strategy", "unsafe-best-match")
_GONE = re.compile(
    r"(?:there is no version of |there are no versions of )([a-z0-9][a-z0-9-]*)"
    r"|\b([a-z0-9][a-z0-9-]*) was not found in the (?:package registry|provided package locations)"
)
# A lock is written by strangers: what is no name or no version would be an option to uv.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
Pins = Mapping[str, str]


def add_gone(repo: Repo, state: RepoState, environ: Mapping[str, str]) -> RepoState:
    """The state with what is gone in its lock, or with a note where that cannot be known."""
    if state.lock is None:
        return state
    try:
        gone = tuple(sorted(_gone(repo, state, state.lock, environ)))
    except uv_program.NotAsked as error:
        note = f"no index could be asked for what {state.lock.path} names: {error}"
        return state._replace(notes=(*state.notes, note))
    return state._replace(lock=state.lock._replace(gone=gone))


def _gone(
    repo: Repo, state: RepoState, lock: Lock, environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Name and version of each that is gone.

    Raises:
        NotAsked: there is no uv, or it could not know.
    """
    rounds = list(_rounds(lock))
    if not rounds:
        return
    place = locking.lock_place(repo, environ)
    prefix = state.installed.prefix if state.installed else sys.prefix
    uv = locking.find_uv(prefix, place)
    if uv is None:
        raise uv_program.NotAsked(locking.why_no_uv(environ.get(locking.VARIABLE)))
    python = prefix if state.installed else sys.executable
    request: dict[str, Json] = {"uv": uv, "python": python, "root": state.root}
    env = uv_program.environment_for(place.root, environ)
    options = (*_OPTIONS, *_own_indexes(place.root))
    limit = time.monotonic() + uv_program.LIMIT_SECONDS

    def ask(pins: Pins, *more: str) -> str:
        left = limit - time.monotonic()
        return uv_program.compile_pins(request, pins, (*options, *more), env, left)

    for pins in rounds:
        yield from _lacking(pins, ask)


def _rounds(lock: Lock) -> Iterator[dict[str, str]]:
    """Pins that can be asked for at once: one version of each package."""
    names = [name for name in lock.versions if name not in lock.elsewhere and _NAME.fullmatch(name)]
    for some in zip_longest(*(lock.versions[name] for name in names)):
        pairs = zip(names, some, strict=True)
        yield {name: one for name, one in pairs if one and _VERSION.fullmatch(one)}


def _lacking(pins: Pins, ask: uv_program.Ask) -> Iterator[tuple[str, str]]:
    """Those of the pins that no index has: uv names one at a time, and why.

    What an index has, but not for this machine or this Python, is there.
    """
    rest = dict(pins)
    while rest:
        try:
            ask(rest)
            return
        except uv_program.Lacking as error:
            said = str(error)
        gone = {name for found in _GONE.findall(said) for name in found if name in rest}
        yield from ((name, rest[name]) for name in sorted(gone))
        named = gone or {name for name in uv_program.NAMED.findall(said) if name in rest}
        if not named:
            if len(rest) == 1:
                raise uv_program.NotAsked(f"uv said: {said}")
            for half in uv_program.halves(rest):
                yield from _lacking(half, ask)
            return
        rest = {name: version for name, version in rest.items() if name not in named}


def _own_indexes(root: Path) -> Iterator[str]:
    """Indexes that uv is to use for some packages alone: it would ask none of them otherwise."""
    for name, keys in (("uv.toml", ()), ("pyproject.toml", ("tool", "uv"))):
        path = root / name
        try:
            table = parse_toml(read_text(path)) if path.is_file() else None
        except (BadDocument, OSError):
            continue  # uv says itself what is wrong with it
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        indexes = table.get("index") if isinstance(table, dict) else None
        for one in indexes if isinstance(indexes, list) else ():
            if isinstance(one, dict) and one.get("explicit") is True:
                yield from _as_option(one)


def _as_option(index: Mapping[str, Json]) -> tuple[str, ...]:
    """With its name, by which uv finds the credentials."""
    name, url = index.get("name"), index.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://", "file://")):
        return ()
    return ("--index", f"{name}={url}" if isinstance(name, str) and name.isidentifier() else url)
