"""Data that the command line or the config names, that is there, and that nothing pins.

Git is asked only when a text names something that is there; without one, this costs no process.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from xgit.capture.cache import Cache
from xgit.capture.data.find import read_pins
from xgit.capture.mentions import in_command, in_config
from xgit.capture.places import Place, find_place, holds_a_file, is_in, is_left_over
from xgit.git import status as git_status
from xgit.git.plumbing import Repo
from xgit.record.model import MentionedPath, RepoState

MOST_OF_ONE = 100
"""How many paths of one directory are named."""


def mentioned_paths(
    repo: Repo, state: RepoState, tracked: Sequence[str] | None, cache: Cache | None
) -> tuple[MentionedPath, ...]:
    """Each path once, in the order of the command line and the config.

    Args:
        tracked: as `read_pins` takes it, where the pins of the state are not known.

    Raises:
        XgitError: a pin cannot be understood.
    """
    places = _places(state)
    if not places:
        return ()
    pins = state.pins or read_pins(repo, tracked, cache)
    pinned = {os.path.join(state.root, pin.path) for pin in pins}
    free = [one for one in places if not (_covered(one.path, pinned) or _covered(one.real, pinned))]
    inside = [one for one in free if is_in(one.real, state.root)]
    ignored = _ignored(repo, state.root, inside, pinned) if inside else {}
    found: dict[str, MentionedPath] = {}
    for place in free:
        is_inside = is_in(place.real, state.root)
        for one in ignored.get(place, ()) if is_inside else _outside(place):
            found.setdefault(one.path, one)
    adds = {one.add for one in found.values() if one.add}
    # DVC adds no path that lies in another one.
    return tuple(one for one in found.values() if adds.isdisjoint(_above(one.add)))


def _places(state: RepoState) -> list[Place]:
    mentions = chain(in_command(state.command), in_config(state.config) if state.config else ())
    cwd = state.cwd or state.root
    found: dict[str, Place] = {}
    for mention in mentions:
        place = find_place(mention, cwd, state.root)
        if place is not None:
            found.setdefault(place.real, place)
    return list(found.values())


def _covered(path: str, pinned: set[str]) -> bool:
    return path in pinned or any(one in pinned for one in _above(path))


def _above(path: str) -> Iterator[str]:
    """The directories that the path lies in, the nearest first; not the top."""
    while (folder := os.path.dirname(path)) not in ("", path):
        yield folder
        path = folder


def _outside(place: Place) -> Iterator[MentionedPath]:
    if not place.is_directory or holds_a_file(place.real):
        yield MentionedPath(place.real, place.mention.where, "outside")


# ---------------------------------------------------------------- inside


def _ignored(
    repo: Repo, root: str, places: Sequence[Place], pinned: set[str]
) -> dict[Place, list[MentionedPath]]:
    """What git ignores and no pin covers, of each place that has some."""
    named = {one: os.path.relpath(one.real, root) for one in places}
    files = git_status.ignored_paths(repo, list(named.values()))
    loose = dict.fromkeys(path for path in files if not _covered(os.path.join(root, path), pinned))
    found = {one: list(_in_place(one, path, loose)) for one, path in named.items()}
    if not any(found.values()):
        return {}
    tops = {path.partition("/")[0] for path in named.values()}
    held = set(chain.from_iterable(map(_above, git_status.tracked_paths(repo, *_literal(tops)))))
    held.update(chain.from_iterable(_above(os.path.relpath(pin, root)) for pin in pinned))
    units = {
        one: list(dict.fromkeys(_unit(path, named[one], held) for path in paths))[:MOST_OF_ONE]
        for one, paths in found.items()
    }
    adds = _adds(repo, set(chain.from_iterable(units.values())), held)
    return {
        one: [MentionedPath(path, one.mention.where, "ignored", *adds[path]) for path in paths]
        for one, paths in units.items()
    }


def _literal(paths: Iterable[str]) -> Iterator[str]:
    return (f":(literal){path}" for path in sorted(paths))


def _in_place(place: Place, path: str, files: Collection[str]) -> Iterator[str]:
    """The files that are the place, or lie in it and were not left there by a program."""
    if not place.is_directory:
        yield from [path] if path in files else []
        return
    inside = (file for file in files if file.startswith(f"{path}/"))
    yield from (file for file in inside if not is_left_over(file.removeprefix(f"{path}/")))


def _unit(file: str, top: str, held: set[str]) -> str:
    """The largest directory around the file, at most `top`, in which git and pins have nothing."""
    unit = file
    for folder in _above(file):
        if folder in held or not is_in(folder, top):
            break
        unit = folder
    return unit


def _adds(repo: Repo, units: set[str], held: set[str]) -> dict[str, tuple[str, str | None]]:
    """For each unit what `dvc add` takes, and the directory whose `*.dvc` git must not ignore."""
    names = {path for unit in units for path in (unit, *_above(unit))}
    refused = git_status.ignored_names(repo, [f"{name}.dvc" for name in names])
    return {unit: _add(unit, refused, held) for unit in units}


def _add(unit: str, refused: set[str], held: set[str]) -> tuple[str, str | None]:
    """DVC adds nothing whose `.dvc` file git would ignore: then a directory above, if it can be."""
    for path in (unit, *_above(unit)):
        if path != unit and path in held:
            break
        if f"{path}.dvc" not in refused:
            return path, None
    return unit, os.path.dirname(unit)
