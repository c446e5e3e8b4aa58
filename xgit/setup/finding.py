"""What a project is: where its Hydra configs are, whether DVC is used, what trains."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from xgit.capture.documents import BadDocument, parse_yaml
from xgit.capture.hydra.directory import find_directories
from xgit.git.plumbing import Repo, git_done, git_fields

_NOT_THE_PROGRAM = {"tests", "test", "docs", "doc", "examples", "example", "benchmarks", "vendor"}
_APP = re.compile(rb"^@(hydra\.)?main\b", re.MULTILINE)
_SHELL = set("$`;&|<>()*?~#\n")
_LARGEST_BYTES = 1024 * 1024
_MOST = 5


class Project(NamedTuple):
    """What was found.

    Attributes:
        config_directories: those of Hydra.
        hydra: a program or a directory says that Hydra is used.
        dvc: `.dvc/` is there.
        commands: what may be the training command; one where it is plain.
    """

    config_directories: tuple[str, ...]
    hydra: bool
    dvc: bool
    commands: tuple[str, ...]


def find_project(repo: Repo, chosen_directory: str, dvc_yaml: str | None) -> Project:
    """Look at the files of the work tree that git tracks or does not ignore.

    Args:
        chosen_directory: the config directory that the settings name, or empty.
        dvc_yaml: the text of `dvc.yaml`, where there is one.
    """
    directories = tuple(one.path for one in find_directories(repo, chosen_directory))
    apps = _hydra_apps(repo)
    trains = _files(repo, "train.py", "*/train.py")
    groups = (
        [path for path in apps if PurePosixPath(path).name == "train.py"],
        apps,
        [path for path in trains if "/" not in path],
        trains,
    )
    calls = [[_python(repo, path) for path in group] for group in groups]
    commands = _plainest([calls[0], calls[1], _stages(dvc_yaml), calls[2], calls[3]])
    return Project(
        directories,
        bool(directories or apps),
        os.path.isdir(repo.work_tree / ".dvc"),
        commands,
    )


def _plainest(groups: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The first group of exactly one; without any, the candidates of the first that has some."""
    one = next((group for group in groups if len(group) == 1), None)
    several = next((group for group in groups if group), ())
    return tuple(one or several)[:_MOST]


def _hydra_apps(repo: Repo) -> list[str]:
    patterns = ("-e", "hydra.main", "-e", "from hydra import")
    options = ("-l", "-z", "-F", "--full-name", "--untracked", "--exclude-standard")
    done = git_done(repo, "grep", *options, *patterns, "--", "*.py")
    paths = [path for path in os.fsdecode(done.stdout).split("\0") if path]
    return [path for path in paths if _is_program(repo, path) and _is_app(repo, path)]


def _files(repo: Repo, *patterns: str) -> list[str]:
    options = ("-z", "--cached", "--others", "--exclude-standard")
    found = git_fields(repo, "ls-files", *options, "--", *patterns)
    return [path for path in dict.fromkeys(found) if _is_program(repo, path)]


def _is_program(repo: Repo, path: str) -> bool:
    inside = _NOT_THE_PROGRAM.isdisjoint(PurePosixPath(path).parts[:-1])
    return inside and path.isprintable() and os.path.isfile(repo.work_tree / path)


def _is_app(repo: Repo, path: str) -> bool:
    with open(repo.work_tree / path, "rb") as file:
        return _APP.search(file.read(_LARGEST_BYTES)) is not None


def _python(repo: Repo, path: str) -> str:
    """How the program is called: by its module inside of a package, else by its file."""
    file = PurePosixPath(path)
    parts = [file.stem]
    for folder in file.parents:
        if not folder.name or not os.path.isfile(repo.work_tree / folder / "__init__.py"):
            break
        parts.insert(0, folder.name)
    if len(parts) > 1 and all(part.isidentifier() for part in parts):
        return f"python -m {'.'.join(parts)}"
    return f"python {shlex.quote(path)}"


def _stages(text: str | None) -> list[str]:
    """The commands of DVC's stages that train, where no shell is needed to read them."""
    try:
        document = parse_yaml(text) if text else None
    except BadDocument:
        return []  # told where the file is to be changed
    stages = document.get("stages") if isinstance(document, dict) else None
    return list(_commands(stages)) if isinstance(stages, dict) else []


def _commands(stages: dict[object, object]) -> Iterator[str]:
    for name, stage in stages.items():
        told = stage.get("cmd") if isinstance(stage, dict) else None
        if str(name).startswith("train") and isinstance(told, str) and _is_plain(told):
            yield told.strip()


def _is_plain(command: str) -> bool:
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return bool(words) and _SHELL.isdisjoint(command.strip()) and command.strip().isprintable()
