"""What sharing talks of: the remote, what became of each experiment, what a pull brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

State = Literal["pushed", "there", "would-push", "conflict", "refused"]
Watch = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is, and of how much where that is known."""


def unwatched(what: str, done: int, of: int | None) -> None:
    """A watch that looks away."""


class Remote(NamedTuple):
    """A configured remote; `url` has no credentials in it and is fit to be shown."""

    name: str
    url: str


class Sent(NamedTuple):
    """What became of one experiment.

    Attributes:
        state: `pushed` now, `there` before, `would-push` in a dry run, `conflict` where another
            object has its name on the remote, or `refused`.
        reason: why, where it is not on the remote; one line.
        hint: the command that mends it, or None.
        verdicts: how many verdicts on it went along.
    """

    id: str
    state: State
    reason: str | None = None
    hint: str | None = None
    verdicts: int = 0

    @property
    def is_there(self) -> bool:
        """Whether the remote has it."""
        return self.state in ("pushed", "there", "would-push")


class Pushed(NamedTuple):
    """What became of a push.

    Attributes:
        branches: name of each branch of the remote that went on, to its new commit.
        data: paths of pinned data that was pushed to a DVC remote.
        notes: sentences for the user.
        said: whether labels and notes went along.
        refused: of verdicts that did not get there, though their experiments are there: name and
            why, in a sentence.
    """

    remote: Remote
    experiments: tuple[Sent, ...]
    branches: Mapping[str, str] = MappingProxyType({})
    data: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    said: bool = False
    refused: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the remote has all that was to be pushed."""
        return not self.refused and all(one.is_there for one in self.experiments)


class Conflict(NamedTuple):
    """A tag that is another object here than on the remote; `name` is without `refs/tags/`."""

    name: str
    ours: str
    theirs: str


class NotTaken(NamedTuple):
    """A tag of the remote that was not taken over, and why."""

    name: str
    reason: str


class Pulled(NamedTuple):
    """What a pull brought.

    Attributes:
        experiments: ids that are new here.
        verdicts: names of verdicts that are new here, such as `reproduction/<id>/1`.
        events: how many labels and notes of experiments are new here.
        notes: sentences for the user.
    """

    remote: Remote
    experiments: tuple[str, ...]
    verdicts: tuple[str, ...]
    conflicts: tuple[Conflict, ...] = ()
    not_taken: tuple[NotTaken, ...] = ()
    events: int = 0
    notes: tuple[str, ...] = ()
