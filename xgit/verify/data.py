"""Checks of the pinned data: what the commit pins, and whether a DVC remote has it now."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from xgit.capture.cache import Cache
from xgit.capture.data.committed import committed_pins
from xgit.capture.data.remotes import check_remotes
from xgit.errors import XgitError
from xgit.git.plumbing import Repo
from xgit.git.raw import as_stored
from xgit.record.model import Experiment, Pin
from xgit.verify.nouns import Check, failed, passed, unknown

_KEEPERS = ("dvc", "lfs")
_SHOWN = 3


def check_data(repo: Repo, experiment: Experiment) -> tuple[Check, Check]:
    """Whether the record names what the commit pins, and whether that can still be had."""
    try:
        with committed_pins(as_stored(repo), experiment.code.ran) as (alone, pins):
            return _pins(experiment, pins), _on_remotes(repo, alone, experiment.data, pins)
    except XgitError as error:
        told = f"the pins of {experiment.code.ran[:7]} cannot be read: {error.message}"
        return unknown("pins", told, error.hint), unknown("data", "its pins are not known")


def _pins(experiment: Experiment, pins: Sequence[Pin]) -> Check:
    there = {pin.path: pin for pin in pins}
    recorded = {pin.path: pin for pin in experiment.data if pin.kind in _KEEPERS}
    other = [
        f"{path} {_short(pin)}, pinned {_short(there.get(path))}"
        for path, pin in recorded.items()
        if path not in there or there[path].hash != pin.hash
    ]
    if other:
        told = f"the record and the commit disagree: {_listed(other)}"
        if was_modified(experiment):
            return unknown("pins", f"{told}; it ran with modified files, which was allowed")
        return failed("pins", told, f"git ls-tree -r {experiment.code.ran} -- '*.dvc' dvc.lock")
    more = [pin.path for pin in pins if pin.kind in _KEEPERS and pin.path not in recorded]
    if more:
        return unknown("pins", f"the record does not tell of {_listed(more)}, which is pinned")
    return passed("pins", "" if recorded else "no data is pinned")


def _short(pin: Pin | None) -> str:
    return pin.hash[:11] if pin else "nothing"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def was_modified(experiment: Experiment) -> bool:
    """Whether it ran, allowed to, with files that the commit does not have."""
    allowed = {guard.id for guard in experiment.guards if guard.outcome == "allowed"}
    return bool(allowed & {"modified", "stale-pin"})


# ---------------------------------------------------------------- the remotes


def _on_remotes(repo: Repo, alone: Repo, recorded: Iterable[Pin], pins: Sequence[Pin]) -> Check:
    """Ask again, whatever was found true earlier; the user's own DVC configuration is used."""
    wanted = {(pin.path, pin.hash) for pin in recorded}
    ours = [pin for pin in pins if pin.kind == "dvc" and (pin.path, pin.hash) in wanted]
    if not any(pin.pushable for pin in ours):
        told = "none is kept by DVC" if not ours else "the pins keep it from being pushed"
        return passed("data", told) if not ours else unknown("data", told)
    with Cache(repo.private_dir) as cache:
        answered = list(_asked(repo, alone, ours, cache))
    gone = [pin.path for pin in answered if pin.pushed is False]
    silent = [pin for pin in answered if pin.pushed is None and pin.trouble is not None]
    if gone:
        remedy = next((pin.trouble.remedy for pin in answered if pin.trouble), None)
        again = "dvc push " + " ".join(shlex.quote(path) for path in gone[:_SHOWN])
        return failed("data", f"not on its DVC remote: {_listed(gone)}", remedy or again)
    if silent:
        trouble = silent[0].trouble
        assert trouble is not None
        return unknown("data", trouble.reason, trouble.remedy)
    return passed("data")


def _asked(repo: Repo, alone: Repo, pins: Sequence[Pin], cache: Cache) -> Iterator[Pin]:
    homes: dict[str, list[Pin]] = {}
    for pin in pins:
        homes.setdefault(pin.home, []).append(pin)
    for home, group in homes.items():
        here = repo.root is not None and (repo.root / home / ".dvc").is_dir()
        yield from check_remotes(repo if here else alone, group, cache, ask_again=True)[0]
