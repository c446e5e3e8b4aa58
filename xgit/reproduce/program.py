"""The recorded command and variables, as they are in another place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from xgit.capture.environment.describe import allowed_variables
from xgit.record.model import Experiment
from xgit.record.redact import MASK
from xgit.reproduce.environment import Rebuilt
from xgit.reproduce.failure import CannotReproduce

_ENVIRONMENT_NAMES = (".venv", "venv", "env", ".env")
_DROPPED = re.compile(
    r"PYTHONPATH|PYTHONHOME|PYTHONUSERBASE|PYTHONEXECUTABLE|__PYVENV_LAUNCHER__|VIRTUAL_ENV.*"
    r"|CONDA_.+|_CE_.+|MAMBA_.+|PIXI_.+|POETRY_ACTIVE|PIPENV_.+|PDM_.+|UV_PYTHON|UV_PROJECT"
)
_TOO_WIDE = re.compile(r"/?[^/]*|/home/[^/]+|/Users/[^/]+")  # as a home is: it holds all else
_BEFORE = r"(?<![^\s=:,\[\](){}'\"+])"  # where a path can begin in a word
_AFTER = r"(?![^/\s,:\](){}'\"])"  # where one of its directories can end


class Command(NamedTuple):
    """A command, and what of it could not be carried over, each a sentence."""

    argv: tuple[str, ...]
    notes: tuple[str, ...] = ()


def program_in(rebuilt: Rebuilt, recorded: Experiment, checkout: Path) -> Command:
    """The recorded command for the rebuilt environment and the checkout.

    Programs of the recorded environment become those of the rebuilt one; paths in the recorded
    repository become those in the checkout. `python` and `train` are left for PATH to find.

    Raises:
        CannotReproduce: a secret in it was masked.
    """
    as_recorded(recorded)
    moves = _moves(rebuilt, recorded, checkout)
    program = _program(rebuilt, recorded)
    argv = tuple(_moved(word, moves) for word in (program, *recorded.command[1:]))
    return Command(argv, tuple(_left(argv, [new for _, new in moves])))


def as_recorded(recorded: Experiment) -> tuple[str, ...]:
    """The recorded command itself.

    Raises:
        CannotReproduce: there is none, or a secret in it was masked.
    """
    if not recorded.command:
        raise CannotReproduce("run", "the record has no command")
    if any(MASK in word for word in recorded.command):
        told = "its command line holds a secret, which the record masks"
        hint = "let the program read the secret from a variable, and record it again"
        raise CannotReproduce("run", told, hint)
    return recorded.command


def _program(rebuilt: Rebuilt, recorded: Experiment) -> str:
    """The first word: a program of the recorded environment, whether its path is whole or not."""
    word, python = recorded.command[0], recorded.environment.python
    if python is None or "/" not in word:
        return word
    if word == python.executable:
        return os.fspath(rebuilt.python or word)
    path = os.path.normpath(os.path.join(recorded.cwd, word))
    folder, name = os.path.split(path)
    prefix = python.prefix.rstrip("/")
    is_in = folder == f"{prefix}/bin" or (
        not os.path.isabs(path) and f"{prefix}/bin".endswith(f"/{folder}") and folder != "bin"
    )
    return os.fspath(rebuilt.bin / name) if is_in else word


def _moves(rebuilt: Rebuilt, recorded: Experiment, checkout: Path) -> list[tuple[str, str]]:
    """Recorded directories, and what they are now; the longest first."""
    moves = {root: os.fspath(checkout) for root in recorded_roots(recorded)}
    python = recorded.environment.python
    if python is not None and python.prefix not in ("", "/", "/usr", "/usr/local"):
        moves[python.prefix.rstrip("/")] = os.fspath(rebuilt.prefix)
    return sorted(moves.items(), key=lambda move: -len(move[0]))


def recorded_roots(recorded: Experiment) -> tuple[str, ...]:
    """Where the repository may have been: above its environment, or of what is installed in place.

    The record does not say it, since it would say whose machine it was.
    """
    env = recorded.environment
    found: list[str] = []
    if env.python is not None:
        folder, name = os.path.split(env.python.prefix.rstrip("/"))
        found += [folder] if name in _ENVIRONMENT_NAMES else []
    directories = {one.name: one.directory for one in (env.lock.missing if env.lock else ())}
    for name, package in env.packages.items():
        kind, _, path = package.source.partition(":")
        below = directories.get(name)
        if kind == "editable" and below is not None and f"{path}/".endswith(f"/{below}/"):
            found.append(path[: -len(below) - 1])
        elif kind == "editable" and below == ".":
            found.append(path)
    return tuple(dict.fromkeys(one for one in found if not _TOO_WIDE.fullmatch(one)))


def _moved(word: str, moves: Iterable[tuple[str, str]]) -> str:
    for old, new in moves:
        pattern = rf"{_BEFORE}{re.escape(old)}{_AFTER}"
        word = new.join(re.split(pattern, word))
    return word


def _left(argv: tuple[str, ...], places: list[str]) -> Iterable[str]:
    """Paths in it that are none of ours: they are as they were, if they are there at all."""
    for word in argv[1:]:
        for path in re.findall(rf"{_BEFORE}(/[^\s,:\])}}'\"]+)", word):
            if not any(path == one or path.startswith(f"{one}/") for one in places):
                yield f"the command names {path}, which is outside of the repository"


def child_variables(
    rebuilt: Rebuilt,
    recorded: Experiment,
    checkout: Path,
    environ: Mapping[str, str],
    further: Iterable[str] = (),
) -> dict[str, str]:
    """The environment of the command: the user's, with the recorded variables and the new Python.

    Args:
        further: names of the variables that the project lets be recorded: one of these that the
            recorded run did not have is unset.
    """
    told = recorded.environment.variables
    moves = _moves(rebuilt, recorded, checkout)
    unset = {*allowed_variables(further)} - set(told)
    kept = {
        name: value
        for name, value in environ.items()
        if name not in unset and not _DROPPED.fullmatch(name)
    }
    path = environ.get("PATH", os.defpath)
    return {
        **kept,
        **{name: _moved(value, moves) for name, value in told.items()},
        "PATH": f"{rebuilt.bin}{os.pathsep}{path}",
        # As if it had been activated, for `uv run`, `poetry run` and their like.
        **({"VIRTUAL_ENV": os.fspath(rebuilt.prefix)} if rebuilt.python else {}),
        "UV_PROJECT_ENVIRONMENT": os.fspath(rebuilt.prefix),
        "UV_NO_SYNC": "1",
    }
