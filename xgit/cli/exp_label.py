"""`xgit exp label`: put labels on an experiment after the fact, and take them off."""

from __future__ import annotations

from datetime import timedelta

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.saying import author, masked, record_commit
from xgit.cli.table import json_text
from xgit.errors import XgitError
from xgit.record.escape import visible
from xgit.record.events import after, check_label, labels_after
from xgit.record.said import Event, Kind
from xgit.store import events as store
from xgit.store import experiments


@click.command(name="label")
@click.argument("experiment", metavar="ID", type=ExperimentId())
@click.argument("labels", nargs=-1, metavar="[+]LABEL…")
@click.option("--remove", multiple=True, metavar="LABEL", help="Take it off; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    experiment: str, labels: tuple[str, ...], remove: tuple[str, ...], as_json: bool
) -> int:
    """Put labels on an experiment, or take them off; without any, print those it has.

    They are kept beside the experiment, which stays what it was, and travel with push and pull.
    What several clones say is merged: of one label the last word counts.

    With --json: {"id", "labels"}.

    \b
    Example: xgit exp label @ paper
             xgit exp label wide-net +best --remove candidate
    """
    repo = current_repo()
    experiment_id, commit = record_commit(repo, experiment)
    recorded = experiments.recorded_labels(repo, experiment_id)
    on = [check_label(masked(text.removeprefix("+"))) for text in labels]
    off = [check_label(text) for text in remove]
    if set(on) & set(off):
        raise XgitError("a label cannot be put on and taken off at once")
    who = author(repo) if on or off else ""

    def make(known: tuple[Event, ...]) -> list[Event]:
        held = set(labels_after(recorded, known))
        wanted: list[tuple[Kind, str]] = [("label", text) for text in on if text not in held]
        wanted += [("unlabel", text) for text in off if text in held]
        first = after(known, store.now())
        return [
            Event(first + timedelta(microseconds=at), who, kind, text)
            for at, (kind, text) in enumerate(wanted)
        ]

    said = store.add_events(repo, commit, make)
    now = labels_after(recorded, said)
    if as_json:
        click.echo(json_text({"id": experiment_id, "labels": now}), nl=False)
    else:
        for label in now:
            click.echo(visible(label))
    return 0
