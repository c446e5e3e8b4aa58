"""A warning after a checkout: an experiment is there, and the data is not its data."""

from __future__ import annotations

from collections.abc import Iterator

from xgit.git.plumbing import Repo, git_success
from xgit.guards.checking import check_repo
from xgit.guards.report import way_lines
from xgit.guards.stale_pin import dvc_command
from xgit.record.escape import visible
from xgit.record.model import Pin

_RECORD = "HEAD:.xgit/record.json"
_SHOWN = 5


def warnings(repo: Repo) -> Iterator[str]:
    """Lines for the user: none unless HEAD has a record and a pinned file differs from its pin.

    Raises:
        XgitError: a pin cannot be understood, or a pinned file cannot be read.
    """
    if repo.root is None or not git_success(repo, "cat-file", "-e", _RECORD):
        return
    state, _ = check_repo(repo, "run", ("stale-pin",))
    wrong = [pin for pin in state.pins if pin.kind != "git" and (pin.stale or pin.missing)]
    if not wrong:
        return
    yield "warning: the data here is not the data of this experiment"
    for pin in wrong[:_SHOWN]:
        yield visible(f"  {pin.path}  {pin.stale or 'is not here'}")
    if len(wrong) > _SHOWN:
        yield f"  … and {len(wrong) - _SHOWN} more"
    yield f"hint: {_remedy(wrong[0])}"
    yield from way_lines(state.root)


def _remedy(pin: Pin) -> str:
    """Neither overwrites what no cache has; the second also asks the remote."""
    if pin.kind == "lfs":
        return "git lfs pull"
    dvc = dvc_command(pin)
    return f"{dvc} checkout || {dvc} pull"
