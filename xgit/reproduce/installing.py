"""The packages of a plan, installed by uv: what can be is, and what cannot is told apart.

uv takes all or nothing, and names what it refuses one at a time: that is left out, and uv is asked
again, until the rest is installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from xgit.capture.environment import pylock as lock_text
from xgit.record.model import Experiment
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.uv import Kind, Uv, UvFailed, kind_of, named_in, short
from xgit.reproduce.wanted import Plan, Unhad, Wanted

_MANY = 8  # names in one sentence
_NOT_FETCHED: tuple[Kind, ...] = ("gone", "forbidden", "unreachable")
_STOPPING = ("other", "unreachable", "forbidden", "hash")
_WHY: Mapping[Kind, str] = {
    "gone": "no index that uv was told of has it for this Python",
    "build": "it has to be built from source",
    "platform": "it has no wheel for this machine",
    "forbidden": "its server wants credentials",
    "unreachable": "its server does not answer",
}


class CannotRebuild(CannotReproduce):
    """The environment cannot be made; `missing` says of each package why, where it is known."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        missing: Sequence[Unhad] = (),
        tells: bool = True,
    ) -> None:
        super().__init__("environment", message, hint, tells=tells)
        self.missing = tuple(str(one) for one in missing)


class Work(NamedTuple):
    """What every step needs."""

    uv: Uv
    place: Path
    checkout: Path
    python: Path
    builds: bool
    recorded: Experiment

    @property
    def options(self) -> tuple[str, ...]:
        """For every `uv pip`."""
        return ("--python", os.fspath(self.python), *(() if self.builds else ("--no-build",)))


class Refusal(NamedTuple):
    """What uv would not install, and why."""

    wanted: Wanted
    kind: Kind
    why: str

    @property
    def unhad(self) -> Unhad:
        """As it is told."""
        return Unhad(self.wanted.name, self.wanted.version, self.why)


Attempt = Callable[[Sequence[Wanted]], None]


def install(work: Work, plan: Plan) -> list[Unhad]:
    """Install by hash, then by name; what nobody can have.

    Raises:
        CannotRebuild: something would help, or nothing is known of the reason.
    """
    early = [Refusal(one, "build", _WHY["build"]) for one in plan.locked if one.must_be_built]
    if not work.builds:  # before the rest is fetched, which may be gigabytes
        _stop_where_there_is_a_remedy(work, early)
    refusals: list[Refusal] = []
    by_hash = [one for one in plan.locked if not one.has_address]
    by_hash += _from_addresses(work, [one for one in plan.locked if one.has_address], refusals)
    refusals += _all_that_can(partial(_add, work), by_hash)
    refusals += _all_that_can(partial(_add, work), plan.named)
    _stop_where_there_is_a_remedy(work, refusals)
    return [one.unhad for one in refusals]


def _from_addresses(
    work: Work, some: Sequence[Wanted], refusals: list[Refusal]
) -> Sequence[Wanted]:
    """Install from where the lock says the files are.

    Returns:
        Where one of these places has not the file, does not answer or wants credentials: what is
        left to be asked of the user's own index, which may have the same files.
    """
    sync = partial(_sync, work)
    try:
        refusals += _all_that_can(sync, some, stop_at=_NOT_FETCHED)
    except UvFailed:
        refusals += _all_that_can(sync, [one for one in some if not one.is_of_index])
        return [one for one in some if one.is_of_index]
    return ()


def _all_that_can(
    attempt: Attempt, some: Sequence[Wanted], stop_at: Sequence[Kind] = ()
) -> list[Refusal]:
    """Install what can be; the rest.

    Raises:
        UvFailed: because of a package of an index, and of one of the kinds to stop at.
        CannotRebuild: there is no going on.
    """
    rest = {one.name: one for one in some}
    refusals: list[Refusal] = []
    while rest:
        try:
            attempt(list(rest.values()))
        except UvFailed as failure:
            said = str(failure)
            kind, name = kind_of(said), named_in(said, rest)
            if kind in stop_at and (name is None or rest[name].is_of_index):
                raise
            if name is None or kind in _STOPPING:
                raise _stopped(kind, rest[name] if name else None, said) from failure
            refusals.append(Refusal(rest.pop(name), kind, _WHY[kind]))
        else:
            break
    return refusals


def _sync(work: Work, some: Sequence[Wanted]) -> None:
    """Install by hash from the addresses that the lock has."""
    file = work.place / "pylock.toml"
    file.write_text(lock_text.render(None, [one.entry or {} for one in some]), encoding="utf-8")
    work.uv.call("pip", "sync", *work.options, os.fspath(file), cwd=work.place, show=True)


def _add(work: Work, some: Sequence[Wanted]) -> None:
    """Install by name and version from the user's index, by hash where one is known."""
    file = work.place / "requirements.txt"
    lines = (" ".join([one.pin, *(f"--hash={each}" for each in one.hashes)]) for one in some)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    hashes = ("--require-hashes",) if some[0].hashes else ()
    options = (*work.options, "--no-deps", *hashes, "-r", os.fspath(file))
    work.uv.call("pip", "install", *options, cwd=work.place, show=True)


# ---------------------------------------------------------------- what stops it


def _stopped(kind: Kind, wanted: Wanted | None, said: str) -> CannotRebuild:
    package = f"{wanted.name} {wanted.version}" if wanted else "a package"
    missing = [Unhad(wanted.name, wanted.version, short(said))] if wanted else []
    if kind == "hash":
        told = f"{package} is not the recorded file: its hash differs"
        hint = f"uv cache clean {wanted.name if wanted else ''}".strip()
        return CannotRebuild(told, hint, missing=missing)
    if kind in _NOT_FETCHED:
        told = f"{package} could not be fetched: {short(said)}"
        return CannotRebuild(told, missing=missing, tells=False)
    return CannotRebuild(f"uv could not install the packages: {short(said)}", missing=missing)


def _stop_where_there_is_a_remedy(work: Work, refusals: Sequence[Refusal]) -> None:
    """Raise where something would install what is missing."""
    missing = [one.unhad for one in refusals]
    no_wheel = [one.wanted for one in refusals if one.kind in ("build", "platform")]
    build = [one.pin for one in no_wheel if one.may_be_built]
    if build and not work.builds:
        told = f"{listed(build)} would have to be built from source, which runs code of the package"
        hint = f"xgit exp reproduce {work.recorded.id}, without --no-build"
        raise CannotRebuild(told, hint, missing=missing)
    if no_wheel:
        recorded_on = work.recorded.environment.platform or "another platform"
        names = listed([one.pin for one in no_wheel])
        told = f"there is no wheel of {names} for this machine; recorded on: {recorded_on}"
        raise CannotRebuild(told, missing=missing)


def listed(names: Sequence[str]) -> str:
    """The first eight names, and how many more there are."""
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more
