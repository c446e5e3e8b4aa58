"""`stale-pin`: pinned data whose content differs from its pin.

The record would name data that the run did not use.
"""

from __future__ import annotations

from xgit.guards.quoting import argument, pathspec, shell_word
from xgit.record.model import Pin, RepoState, Violation

ID = "stale-pin"
STAGES = ("commit", "run")
NEEDS = ("pins", "modified-lfs")
REASON = "a file that differs from its pin is not the data that the record names"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each pin; a file of git LFS that `modified` names is not named twice."""
    return tuple(
        _violation(pin)
        for pin in state.pins
        if pin.stale and not (pin.kind == "lfs" and pin.path in state.modified)
    )


def _violation(pin: Pin) -> Violation:
    subject = f"{pin.path}: {pin.stale}"
    if pin.kind == "lfs":
        return Violation(ID, subject, f"git add {pathspec(pin.path)}")
    dvc = dvc_command(pin)
    path = argument(path_at_home(pin, pin.path))
    if pin.missing:
        return Violation(ID, subject, f"{dvc} pull {path}")
    undo = f"or {dvc} checkout --force {path}, which undoes the change"
    # Both keep what is there: a command that is pasted must not lose anyone's data.
    if pin.command is None and pin.pushable:
        return Violation(ID, subject, f"{dvc} add {path}", undo)
    return Violation(ID, subject, f"{dvc} commit --force {path}", undo)


def dvc_command(pin: Pin) -> str:
    """`dvc`, told where the repository of the pin is if that is not at the top."""
    return f"dvc --cd {shell_word(pin.home)}" if pin.home else "dvc"


def path_at_home(pin: Pin, path: str) -> str:
    """A path relative to the DVC repository of the pin."""
    return path.removeprefix(f"{pin.home}/") if pin.home else path
