"""The lock file and the environment that the command will run in, side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from xgit.capture.cache import Cache
from xgit.capture.environment.interpreter import Place, environment_of, find_program
from xgit.capture.environment.lock import read_lock
from xgit.capture.environment.packages import installed_packages
from xgit.record.model import Installed, Package, RepoState


def add_environment(state: RepoState, cache: Cache, environ: Mapping[str, str]) -> RepoState:
    """The state with its lock and what is installed, as far as they can be known."""
    lock, notes = read_lock(Path(state.root), cache)
    place = environment_of(state.command, state.cwd, state.root, environ)
    if place is None:
        if lock is not None and lock.versions and not state.command:
            told = "no environment of the project was found"
            notes = (*notes, f"{lock.path} was not compared with what is installed: {told}")
        return state._replace(lock=lock, notes=(*state.notes, *notes))
    packages, _ = installed_packages(place.path)
    install, sync = _commands(place, state.root, environ)
    resolved = {name: _resolved(package) for name, package in packages.items()}
    found = Installed(place.prefix, resolved, install, sync)
    return state._replace(lock=lock, installed=found, notes=(*state.notes, *notes))


def _resolved(package: Package) -> Package:
    """The package with symlinks in its path followed, as they are in that of the root."""
    kind, _, path = package.source.partition(":")
    if kind not in ("editable", "file"):
        return package
    return package._replace(source=f"{kind}:{os.path.realpath(path)}")


def _commands(place: Place, root: str, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """How to install one package, and how to install all that uv.lock says."""
    from shlex import quote

    own = os.path.join(root, ".venv")
    if find_program("uv", root, environ) is None:
        python = os.path.join(place.prefix, "bin", "python")
        program = python if os.path.isfile(python) else place.prefix
        return f"{quote(program)} -m pip install", None
    target = environ.get("VIRTUAL_ENV", own)
    if _same(place.prefix, target):
        install = "uv pip install"
    else:
        install = f"uv pip install --python {quote(place.prefix)}"
    return install, "uv sync --inexact" if _same(place.prefix, own) else None


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
