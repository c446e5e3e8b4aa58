"""A progress bar on stderr for what takes longer than a second; none where that is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xgit.share.nouns import Watch, unwatched

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE_SECONDS = 1.0


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Watch]:
    """What is to be told of the progress; the bar is gone when the block ends."""
    if quiet or not sys.stderr.isatty():
        yield unwatched
        return
    bar = _Bar()
    try:
        yield bar.watch
    finally:
        bar.close()


class _Bar:
    """One bar, made when there is reason to, and named after what is being done."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._shown: Progress | None = None

    def watch(self, what: str, done: int, of: int | None) -> None:
        """Show it, once a second has passed and something is done: git may ask for a password."""
        if self._shown is None:
            if done == 0 or time.monotonic() - self._begun < _PATIENCE_SECONDS:
                return
            self._shown = _made()
        self._shown.update(self._shown.task_ids[0], description=what, completed=done, total=of)

    def close(self) -> None:
        """Take it off the screen."""
        if self._shown is not None:
            self._shown.stop()


def _made() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    shown = Progress(*columns, console=console, transient=True)
    shown.add_task("", total=None)
    shown.start()
    return shown
