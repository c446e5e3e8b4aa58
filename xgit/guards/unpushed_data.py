"""`unpushed-data`: pinned data that is on no DVC remote, or where that could not be found out.

A pin without its data is a name for something that nobody else can have.
"""

from __future__ import annotations

from xgit.guards.quoting import argument
from xgit.guards.stale_pin import dvc_command, path_at_home
from xgit.record.model import Json, Pin, RepoState, Violation

ID = "unpushed-data"
STAGES = ("push", "run")
NEEDS = ("pins", "data-remotes")
REASON = "data that is on no remote cannot be had by anyone else"
OPTIONS: dict[str, Json] = {"verify_remote": False}


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each pin; none for data that a command or another repository makes.

    A push that only deletes takes no pin to the remote.
    """
    if state.pushes and all(push.deletes for push in state.pushes):
        return ()
    return tuple(
        _violation(pin)
        for pin in state.pins
        if pin.kind == "dvc" and (pin.trouble is not None or (pin.pushable and pin.pushed is False))
    )


def _violation(pin: Pin) -> Violation:
    if pin.trouble is not None:
        return Violation(ID, f"{pin.path}: {pin.trouble.reason}", pin.trouble.remedy)
    target = pin.source if pin.source.endswith(".dvc") else pin.path
    word = argument(path_at_home(pin, target))
    return Violation(ID, pin.path, f"{dvc_command(pin)} push {word}")
