"""Whether a DVC remote has the pinned data.

A remote that is a directory is looked into; any other is asked through the `dvc` program.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from xgit.capture.cache import Cache
from xgit.capture.data.dvc_config import DvcConfig, DvcRemote, read_dvc_config
from xgit.capture.data.dvc_store import holds
from xgit.git.plumbing import Repo
from xgit.record.model import Pin, Trouble

Found = dict[str, bool | Trouble]
"""For the path of each pin: whether a remote has it, or why that is not known."""


def check_remotes(
    repo: Repo,
    pins: Iterable[Pin],
    cache: Cache,
    used: Collection[str] | None = None,
    *,
    ask_again: bool = False,
) -> tuple[tuple[Pin, ...], tuple[str, ...]]:
    """The pins with `pushed`, and what could not be known, each a sentence for the user.

    A pin is pushed when any of its remotes has all of it: the one that the pin names, else any
    that is configured. Where one could not be asked, `pushed` is None and `trouble` says why.

    Args:
        used: paths that the run uses, where that is known; other pins are left as they are.
        ask_again: forget what was found true of these pins earlier.

    Raises:
        XgitError: DVC's configuration cannot be read.
    """
    all_pins = tuple(pins)
    homes: dict[str, list[Pin]] = {}
    for pin in all_pins:
        if (
            pin.kind == "dvc"
            and pin.pushable
            and pin.hash.startswith("md5:")
            and _is_used(pin, used)
        ):
            homes.setdefault(pin.home, []).append(pin)
    answered: dict[str, Pin] = {}
    for home, group in homes.items():
        config = read_dvc_config(repo.work_tree / home)
        if ask_again:
            cache.drop_facts(_facts(config.remotes, group))
        answered |= _look(repo.work_tree / home, config, group, cache)
    return tuple(answered.get(pin.path, pin) for pin in all_pins), _notes(answered.values())


def _notes(pins: Iterable[Pin]) -> tuple[str, ...]:
    reasons = (pin.trouble.reason for pin in pins if pin.trouble and pin.pushed is None)
    return tuple(dict.fromkeys(reasons))


def _is_used(pin: Pin, used: Collection[str] | None) -> bool:
    """Whether the run uses the pinned path, something in it, or a directory that holds it."""
    return used is None or any(
        f"{path}/".startswith(f"{pin.path}/") or pin.path.startswith(f"{path}/") for path in used
    )


def _look(home: Path, config: DvcConfig, pins: Sequence[Pin], cache: Cache) -> dict[str, Pin]:
    """Ask the remotes of one DVC repository, the cheap ones first, until the answer is yes.

    Returns:
        The pins by their paths, answered.
    """
    found: Found = dict.fromkeys((pin.path for pin in pins), False)
    _recall(config.remotes, pins, cache, found)
    for remote in sorted(config.remotes, key=lambda one: one.directory is None):
        open_pins = [pin for pin in pins if _serves(remote, pin) and found[pin.path] is not True]
        if not open_pins:
            continue
        answers = _ask(home, config, remote, open_pins)
        cache.keep_facts(_fact(remote, pin) for pin in open_pins if answers[pin.path] is True)
        # A no says nothing against a trouble with another remote, nor the other way round.
        found |= {path: answer for path, answer in answers.items() if answer is not False}
    return {pin.path: _answered(home, pin, config.remotes, found[pin.path]) for pin in pins}


def _answered(home: Path, pin: Pin, remotes: Sequence[DvcRemote], answer: bool | Trouble) -> Pin:
    if isinstance(answer, Trouble):
        return pin._replace(pushed=None, trouble=answer)
    if not any(_serves(remote, pin) for remote in remotes):
        return pin._replace(pushed=False, trouble=_no_remote(home, pin))
    return pin._replace(pushed=answer)


def _no_remote(home: Path, pin: Pin) -> Trouble:
    dvc = f"dvc --cd {shlex.quote(pin.home)}" if pin.home else "dvc"
    if pin.remote:
        name = shlex.quote(pin.remote)
        reason = f"{pin.source} names the DVC remote {pin.remote}, and there is none"
        return Trouble(reason, f"{dvc} remote add {name} URL && {dvc} push")
    first = "" if (home / ".dvc").is_dir() else "dvc init && "
    return Trouble(
        "there is no DVC remote",
        f"{first}{dvc} remote add --default storage URL && {dvc} push",
    )


def _recall(remotes: Sequence[DvcRemote], pins: Sequence[Pin], cache: Cache, found: Found) -> None:
    known = cache.known_facts(_facts(remotes, pins))
    found |= {pin.path: True for pin in pins if _facts(remotes, [pin]) & known}


def _facts(remotes: Sequence[DvcRemote], pins: Iterable[Pin]) -> set[str]:
    """What could be known of the pins."""
    return {_fact(remote, pin) for pin in pins for remote in remotes if _serves(remote, pin)}


def _serves(remote: DvcRemote, pin: Pin) -> bool:
    return pin.remote is None or pin.remote.lower() == remote.name


def _fact(remote: DvcRemote, pin: Pin) -> str:
    layout = " in the layout of DVC 2" if pin.legacy else ""
    return f"{pin.hash} is on {remote.key}{layout}"


def _ask(
    home: Path, config: DvcConfig, remote: DvcRemote, pins: Sequence[Pin]
) -> Mapping[str, bool | Trouble]:
    if remote.directory is None:
        from xgit.capture.data.dvc_program import ask_dvc

        return ask_dvc(home, config, remote.name, pins)
    try:
        return {pin.path: _holds(remote.directory, pin) for pin in pins}
    except OSError as error:
        trouble = Trouble(
            f"DVC remote {remote.name} cannot be read: {error.strerror}",
            f"ls {shlex.quote(remote.directory)}",
        )
        return dict.fromkeys((pin.path for pin in pins), trouble)


def _holds(directory: str, pin: Pin) -> bool:
    digest = pin.hash.partition(":")[2]
    return holds(directory, digest, legacy=pin.legacy, size_bytes=pin.size_bytes)
