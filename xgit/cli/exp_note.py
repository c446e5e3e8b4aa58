"""`xgit exp note`: say something about an experiment after the fact."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.saying import author, masked, note_document, note_lines, record_commit
from xgit.cli.table import json_text
from xgit.errors import XgitError
from xgit.record.events import LONGEST_NOTE, after, check_note, notes_in
from xgit.record.said import Event
from xgit.store import events as store

_STDIN = "-"


@click.command(name="note")
@click.argument("experiment", metavar="ID", type=ExperimentId())
@click.argument("text", required=False)
@click.option("--file", "-F", "file", metavar="FILE", help="Read the note from it; - is stdin.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(experiment: str, text: str | None, file: str | None, as_json: bool) -> int:
    """Add a note to an experiment; without a text, print those it has.

    Notes are kept beside the experiment, which stays what it was, and travel with push and pull.
    They are added and never changed.

    With --json: {"id", "notes": [{"at", "by", "text"}]}.

    \b
    Example: xgit exp note @ "the loss of epoch 7 is a fluke of the loader"
             xgit exp note wide-net -F analysis.txt
    """
    repo = current_repo()
    experiment_id, commit = record_commit(repo, experiment)
    note = _text(text, file)
    if note is not None:
        checked = check_note(masked(note))
        who = author(repo)
        said = store.add_events(
            repo, commit, lambda known: [Event(after(known, store.now()), who, "note", checked)]
        )
    else:
        said = store.events_of(repo, commit)
    if as_json:
        notes = [note_document(one) for one in notes_in(said)]
        click.echo(json_text({"id": experiment_id, "notes": notes}), nl=False)
    elif note is None:
        for line in note_lines(said, datetime.now(UTC)):
            click.echo(line)
    return 0


def _text(text: str | None, file: str | None) -> str | None:
    if text is not None and file is not None:
        raise XgitError("a note is either written out or read from a file", "xgit exp note --help")
    if file is None:
        return text
    if file == _STDIN:
        return sys.stdin.read(LONGEST_NOTE + 2)
    try:
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise XgitError(f"{file} is not UTF-8") from error
