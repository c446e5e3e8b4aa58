"""What is said of experiments after the fact: by whom, of which one, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from xgit.errors import XgitError
from xgit.git.plumbing import Repo, identity_line
from xgit.record.escape import visible, visible_lines
from xgit.record.events import notes_in
from xgit.record.figures import format_age
from xgit.record.json_form import format_time
from xgit.record.model import Event, Json
from xgit.store import events, experiments


def author(repo: Repo) -> str:
    """The name of whoever types this, as git knows it.

    Raises:
        XgitError: git knows none.
    """
    return identity_line(repo).partition(" <")[0]


def masked(text: str) -> str:
    """The text without the values of secret variables, and without credentials in URLs."""
    from xgit.record.redact import Secrets

    return Secrets.gather(os.environ).mask_text(text)


def record_commit(repo: Repo, text: str) -> tuple[str, str]:
    """The id that is meant, and the commit of its record.

    Raises:
        XgitError: there is no such experiment, or its tag leads to no commit.
    """
    experiment_id = experiments.resolve(repo, text)
    commit = events.record_commit(repo, experiment_id)
    if commit is None:
        raise XgitError(f"the tag of {experiment_id} leads to no commit", "xgit exp list")
    return experiment_id, commit


def note_document(one: Event) -> Json:
    """One note as `--json` prints it."""
    return {"at": format_time(one.at), "by": one.by, "text": one.text}


def note_lines(said: Sequence[Event], now: datetime) -> list[str]:
    """The notes for a terminal, the oldest first: who and when, and the text below it."""
    lines = []
    for one in notes_in(said):
        lines.append(f"{visible(one.by)}, {format_age(one.at, now)} ago")
        lines += [f"  {line}" for line in visible_lines(one.text).split("\n")]
    return lines
