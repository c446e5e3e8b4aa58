"""A Python environment like the recorded one, made by uv in a directory of its own.

What has a hash is installed by that hash, from the address that the record has or, where that does
not answer, from the user's own index. What has none is installed by name and version. A package
that there is a remedy for stops the rebuild; one that nobody can have is left out and named, and
the program decides whether it can do without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from xgit.capture.documents import read_text
from xgit.capture.environment import pylock as lock_text
from xgit.record.model import Experiment
from xgit.reproduce import local_packages, wanted, wheels
from xgit.reproduce.installing import CannotRebuild, Work, install, listed
from xgit.reproduce.interpreter import make_environment, no_environment, site_packages
from xgit.reproduce.uv import UvFailed, find_uv
from xgit.reproduce.wanted import Entry, Plan

LIMIT_SECONDS = 3600.0
How = Literal["pylock", "lock", "names"]
"""As `Manner.environment`."""


class Rebuilt(NamedTuple):
    """An environment.

    Attributes:
        prefix: its directory.
        python: its interpreter; None where the record knows of none, and nothing was installed.
        bin: goes first on PATH.
        how: by the hashes of the record, by those of a lock file of the
            project, or by names and versions alone.
        missing_packages: what was left out, as `name version: why`.
    """

    prefix: Path
    python: Path | None
    bin: Path
    how: How
    missing_packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def rebuild(
    place: Path,
    recorded: Experiment,
    checkout: Path,
    pylock: bytes | None,
    *,
    builds: bool,
    environ: Mapping[str, str] | None = None,
    show: bool = False,
    limit_seconds: float = LIMIT_SECONDS,
) -> Rebuilt:
    """Make the environment that an experiment ran in.

    Args:
        place: a directory outside of the checkout; `environment/` is made in it.
        pylock: the `pylock.toml` of the record.
        builds: packages may be built from source, which runs their code and that of what they
            need for it.
        environ: the user's: where uv is, and which indexes it asks.
        show: uv draws its progress on our stderr.

    Raises:
        CannotRebuild: a package cannot be had as it was recorded, and what would help.
        CannotReproduce: there is no uv, or no such Python.
    """
    prefix, env = place / "environment", recorded.environment
    if env.python is None:
        return Rebuilt(prefix, None, *no_environment(prefix))
    environ = os.environ if environ is None else environ
    uv = find_uv(checkout, environ, seconds=limit_seconds, show=show)
    python, notes = make_environment(uv, prefix, env.python, place)
    work = Work(uv, place, checkout, python, builds, recorded)
    plan, how = _plan(work, pylock)
    unhad = [*plan.unhad, *install(work, plan)]
    site = site_packages(prefix)
    left, own_notes = local_packages.install(work, plan.local, site)
    others = [one for one in left if one.name != wanted.OWN]
    if plan.own is not None and (wanted.OWN not in plan.local or others != left):
        own_notes += local_packages.copy_xgit(site, plan.own)
    _check(site, prefix)
    missing = tuple(str(one) for one in (*unhad, *others))
    all_notes = (*notes, *own_notes, *_by_name(plan, how))
    return Rebuilt(prefix, python, prefix / "bin", how, missing, all_notes)


def _plan(work: Work, pylock: bytes | None) -> tuple[Plan, How]:
    """The plan, and whose hashes it has."""
    env = work.recorded.environment
    recorded = _entries(pylock)
    plan = wanted.plan(env, [recorded])
    if not plan.named:
        return plan, "pylock"
    # The project's own lock may know hashes of the others.
    own = [_exported(work), _of_project(work.checkout / "pylock.toml")]
    hashed = wanted.hashed_requirements(work.checkout / "requirements.txt")
    fuller = wanted.plan(env, [recorded, *own], hashed)
    if any(one.is_of_index for one in plan.locked):
        return fuller, "pylock"
    return fuller, "lock" if any(one.is_of_index for one in fuller.locked) else "names"


def _check(site: Path, prefix: Path) -> None:
    changed = wheels.altered(site, prefix)
    if changed:
        name, path = changed
        told = f"{path} is not what the package {name} came with: uv's cache was written to"
        raise CannotRebuild(told, f"uv cache clean {name}", tells=False)


def _by_name(plan: Plan, how: str) -> list[str]:
    if how == "names" or not plan.named:
        return []
    names = listed([one.pin for one in plan.named])
    return [f"no hash was known of {names}: installed by name and version alone"]


# ---------------------------------------------------------------- locks


def _entries(text: bytes | None) -> list[Entry]:
    if text is None:
        return []
    try:
        return list(lock_text.read_entries(text.decode("utf-8"))[1])
    except ValueError as error:
        told = f"the pylock.toml of the record cannot be read: {error}"
        raise CannotRebuild(told) from error


def _of_project(file: Path) -> list[Entry]:
    try:
        return list(lock_text.read_entries(read_text(file))[1])
    except (OSError, ValueError):
        return []  # most projects have none, and one that cannot be read tells no hashes


def _exported(work: Work) -> list[Entry]:
    """The packages of the project's `uv.lock`."""
    if not (work.checkout / "uv.lock").is_file():
        return []
    options = ("--frozen", "--offline", "--format", "pylock.toml", "--no-header")
    python = ("--python", os.fspath(work.python))
    for every in (("--all-packages", "--all-extras", "--all-groups"), ("--all-extras",), ()):
        try:  # groups and extras of one project may exclude each other
            text = work.uv.call("export", *options, *every, *python, cwd=work.checkout)
        except UvFailed:
            continue
        return list(lock_text.read_entries(text)[1])
    return []
