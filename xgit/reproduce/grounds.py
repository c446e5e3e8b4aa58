"""What the command runs on: its environment, its variables, and the sandbox around it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from xgit.capture.environment.locking import FILE_NAME
from xgit.git.plumbing import Repo
from xgit.record.model import Experiment
from xgit.record.verdict import Rerun
from xgit.reproduce import program, sandbox
from xgit.reproduce.environment import rebuild
from xgit.reproduce.lacked import lacked
from xgit.reproduce.rerun import Ground
from xgit.reproduce.wish import Wish
from xgit.settings import Settings
from xgit.store import experiments


class Laid(NamedTuple):
    """A ground, and how it came about.

    Attributes:
        how, missing_packages: as in `Manner`.
    """

    ground: Ground
    how: Literal["pylock", "lock", "names", "here"]
    missing_packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def lay(
    repo: Repo,
    recorded: Experiment,
    checkout: Path,
    place: Path,
    settings: Settings,
    wish: Wish,
) -> Laid:
    """The environment that was recorded, or where that is wished the one that is here.

    Raises:
        CannotReproduce: a package or a Python cannot be had, or there is no sandbox here.
    """
    environ = dict(os.environ)
    if wish.here:
        return _here(recorded, environ)
    sandboxed = sandbox.find_bubblewrap(environ) if wish.hermetic else None  # before the long work
    rebuilt = rebuild(
        place,
        recorded,
        checkout,
        experiments.load_file(repo, recorded.id, FILE_NAME),
        builds=wish.builds,
        environ=environ,
        show=wish.shown,
    )
    command = program.program_in(rebuilt, recorded, checkout)
    variables = program.child_variables(rebuilt, recorded, checkout, environ, settings.variables)
    ground = Ground(command.argv, variables)
    if sandboxed:
        around = sandbox.prepare(place, rebuilt, recorded, checkout, environ=environ)
        ground = ground._replace(wrap=partial(sandbox.wrap, around))
    notes = (*rebuilt.notes, *command.notes)
    return Laid(ground, rebuilt.how, rebuilt.missing_packages, notes)


def _here(recorded: Experiment, environ: Mapping[str, str]) -> Laid:
    """The recorded variables, and everything else as it is."""
    variables = {**environ, **recorded.environment.variables}
    note = "the packages are those that were installed here: this proves less"
    return Laid(Ground(program.as_recorded(recorded), variables), "here", (), (note,))


def what_it_lacked(runs: Sequence[Rerun], ground: Ground) -> tuple[str, ...]:
    """What the runs in a sandbox did not find there, each a sentence; as far as they told."""
    if ground.wrap is None:
        return ()
    shown = ground.environ.keys() - os.environ.keys()
    found = dict.fromkeys(
        what
        for run in runs
        if run.experiment.outcome.status != "completed"
        for what in lacked(run.experiment.log, os.environ, shown)
    )
    return tuple(f"it lacked {what}" for what in found)
