"""The configs as the next commit has them: what the index says, not what lies in the work tree."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Sequence

from xgit.capture.hydra.directory import ConfigDirectory, find_directories, has_defaults
from xgit.git.objects import read_objects
from xgit.git.plumbing import Repo, git_fields
from xgit.record.model import ConfigFile

LARGEST_BYTES = 1024 * 1024
MOST_FILES = 5000
_LINK = "120000"
_FILES = ("100644", "100755", _LINK)


def staged_configs(repo: Repo, directory: str) -> tuple[tuple[ConfigFile, ...], tuple[str, ...]]:
    """All configs of the config directories in which the next commit changes one, and notes.

    Args:
        directory: the config directory that the settings name; empty when they name none.
    """
    options = ("--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff")
    pattern = f":(literal){directory}" if directory else "*.yaml"
    changed = git_fields(repo, "diff", *options, "--ignore-submodules=all", "--", pattern)
    if not changed:
        return (), ()
    return _configs(repo, find_directories(repo, directory), frozenset(changed), only_changed=True)


def all_configs(repo: Repo, directory: str) -> tuple[tuple[ConfigFile, ...], tuple[str, ...]]:
    """All configs of all config directories, and notes."""
    return _configs(repo, find_directories(repo, directory), frozenset(), only_changed=False)


def _configs(
    repo: Repo,
    directories: Iterable[ConfigDirectory],
    changed: Collection[str],
    *,
    only_changed: bool,
) -> tuple[tuple[ConfigFile, ...], tuple[str, ...]]:
    found: list[ConfigFile] = []
    notes: list[str] = []
    for one in directories:
        touched = [path for path in changed if _is_config(path, one.path)]
        if not touched and only_changed:
            continue
        listed = _listed(repo, one.path)
        if len(listed) > MOST_FILES:
            notes.append(f"{one.path} was not checked: it has more than {MOST_FILES} configs")
            continue
        there = _read(repo, one, listed, changed)
        gone = set(touched) - {file.path for file in there}
        found += [*there, *(ConfigFile(path, one.path, None, staged=True) for path in gone)]
    return tuple(found), tuple(notes)


def _is_config(path: str, directory: str) -> bool:
    inside = directory == "." or path.startswith(f"{directory}/")
    return inside and path.endswith(".yaml")


def _listed(repo: Repo, directory: str) -> list[tuple[str, str, str]]:
    """Mode, blob and path of the configs in the index; what is being merged is left out."""
    listed = []
    for entry in git_fields(repo, "ls-files", "-z", "--stage", "--", f":(literal){directory}"):
        head, _, path = entry.partition("\t")
        mode, blob, stage = head.split(" ")
        if stage == "0" and mode in _FILES and _is_config(path, directory):
            listed.append((mode, blob, path))
    return listed


def _read(
    repo: Repo,
    directory: ConfigDirectory,
    listed: Sequence[tuple[str, str, str]],
    changed: Collection[str],
) -> list[ConfigFile]:
    contents = read_objects(repo, (blob for _, blob, _ in listed), limit_bytes=LARGEST_BYTES)
    return [
        ConfigFile(
            path,
            directory.path,
            text := content.decode("utf-8", "surrogateescape"),
            staged=path in changed,
            primary=_is_primary(path, text, directory),
            link=mode == _LINK,
        )
        for (mode, _, path), content in zip(listed, contents, strict=True)
        if isinstance(content, bytes)
    ]


def _is_primary(path: str, text: str, directory: ConfigDirectory) -> bool:
    """One that a program names, or that stands at the top and has a defaults list."""
    name = posixpath.relpath(path, directory.path).removesuffix(".yaml")
    return name in directory.names or ("/" not in name and has_defaults(text))
