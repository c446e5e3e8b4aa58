"""The recorded command once more, in a checkout of its commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xgit.capture.environment.locking import VARIABLE as ASKS_UV
from xgit.errors import XgitError
from xgit.git.plumbing import Repo
from xgit.record.model import Experiment, Request
from xgit.record.verdict import Rerun
from xgit.reproduce.failure import CannotReproduce
from xgit.run.experiment import Launch, run
from xgit.settings import Settings

Wrap = Callable[[Sequence[str], Mapping[str, str], Path], Sequence[str]]


class Ground(NamedTuple):
    """What a command runs on.

    Attributes:
        argv: the recorded command, its program as it is found there.
        environ: all variables it gets.
        wrap: the sandbox it is started in; None without one.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    wrap: Wrap | None = None


def rerun(
    checkout: Repo,
    recorded: Experiment,
    ground: Ground,
    settings: Settings,
    *,
    stdout: int,
    timeout_seconds: float | None,
) -> Rerun:
    """Run it as `exp run` does, in the checkout, without the guards; it is recorded only there.

    Raises:
        CannotReproduce: it could not be started.
    """
    request = Request(
        argv=ground.argv, cwd=_cwd(checkout, recorded), timeout_seconds=timeout_seconds
    )
    # A lock of this environment would be the recorded one, and uv would outlive the checkout.
    launch = Launch({**ground.environ, ASKS_UV: ""}, guarded=False)
    if ground.wrap is not None:
        launch = launch._replace(wrap=ground.wrap)
    try:
        done = run(checkout, request, settings, stdout=stdout, launch=launch)
    except XgitError as error:
        raise CannotReproduce("run", error.message, error.hint) from error
    return Rerun(done.experiment)


def _cwd(checkout: Repo, recorded: Experiment) -> str:
    root = os.path.realpath(checkout.work_tree)
    cwd = os.path.realpath(os.path.join(root, recorded.cwd))
    if cwd != root and not cwd.startswith(f"{root}{os.sep}"):
        told = f"the command was started in {recorded.cwd}, which is outside of the repository"
        raise CannotReproduce("run", told)
    if not os.path.isdir(cwd):
        told = f"the command was started in {recorded.cwd}, which the commit does not have"
        raise CannotReproduce("run", told, "commit a file in it, such as .gitkeep")
    return cwd
