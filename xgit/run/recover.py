"""Runs whose xgit died: recorded by the next command, with what they had left."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from xgit.capture.environment.locking import lock_place
from xgit.errors import Unreadable, XgitError, os_trouble
from xgit.git import pack, plumbing
from xgit.git.plumbing import Repo
from xgit.record import codec
from xgit.record.model import Experiment, Metrics, Outcome
from xgit.run import assemble, journal, processes
from xgit.run.assemble import Circumstances
from xgit.run.journal import Journal
from xgit.settings import load_settings
from xgit.store import experiments


def recover(repo: Repo) -> Iterator[tuple[str, XgitError | None]]:
    """Record every run that lost its xgit, and sweep up what dead runs left.

    Yields:
        The id of each run, with None when it is recorded, or the error that stood in the way;
        its directory then stays for another try.
    """
    for experiment_id in journal.left(repo):
        try:
            place = journal.claim(repo, experiment_id)
        except OSError as error:
            yield experiment_id, os_trouble(error)
            continue
        if place is None:
            continue
        if processes.is_any_alive(str(place.spool)):
            place.leave()  # the command goes on without its xgit: not yet
        elif not place.has_begun:
            place.close()  # it died before its command began: there is nothing to record
        else:
            yield place.id, _record_or_leave(repo, place)
    journal.sweep(repo)
    pack.drop_keeps(repo, journal.is_under_way)


def _record_or_leave(repo: Repo, place: Journal) -> XgitError | None:
    give_up = f"xgit exp recover, or to give it up: rm -r {shlex.quote(str(place.directory))}"
    try:
        _record(repo, place)
    except OSError as error:
        place.leave()
        return os_trouble(error)
    except Exception as error:  # noqa: BLE001 - one damaged run must not stop every command
        place.leave()
        return XgitError(f"{error}" or type(error).__name__, give_up)
    place.close()
    return None


def _record(repo: Repo, place: Journal) -> None:
    document = place.read()
    codec.check(document)
    known = codec.from_record(document)
    if known.id != place.id:
        raise Unreadable(f"its record is that of {known.id}")
    around = Circumstances(
        _root(repo),
        load_settings(_root(repo)),
        place.environ(),
        known.params,
        locks=lock_place(repo, os.environ),
    )
    outcome = place.ending() or _outcome(known, place.directory)
    experiment = assemble.finish(known, outcome, place.directory, around)
    if document.get("assembled"):
        # The metric files were read when the command ended; by now they may be another run's.
        metrics = Metrics(known.metrics.values, known.metrics.sources, experiment.metrics.series)
        experiment = experiment._replace(
            metrics=metrics,
            expectations=known.expectations,
            notes=known.notes,
            reproducible=known.reproducible,
            reasons=known.reasons,
        )
    try:
        experiments.save(repo, experiment, identity=plumbing.identity_line(repo))
    except pack.RefExists:
        return  # it was recorded, and died before it could tidy up


def _root(repo: Repo) -> Path:
    return repo.root or repo.git_dir


def _outcome(known: Experiment, directory: Path) -> Outcome:
    """It ended when it last wrote something; nobody saw how."""
    times = [path.stat().st_mtime for path in directory.rglob("*")]
    started = known.outcome.started
    finished = max(started, datetime.fromtimestamp(max(times), UTC))
    seconds = (finished - started).total_seconds()
    return Outcome("interrupted", None, None, started, finished, seconds)
