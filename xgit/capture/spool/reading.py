"""What a job left in its spool, read by the parent: all of it is input from a stranger."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from xgit.capture.spool.nouns import HydraJob, PythonFacts, Spool
from xgit.capture.spool.untrusted import (
    as_leaf,
    as_number,
    as_optional_int,
    as_optional_text,
    as_os_text,
    as_text,
    as_time,
    hash_of,
    lines_of,
    read_file,
    regular_files,
)
from xgit.inject.xgit_spool import is_kept_name
from xgit.record.model import Artifact, Number, Point

__all__ = ["HydraJob", "PythonFacts", "Spool", "read_main_python", "read_spool"]

MOST_POINTS = 1_000_000
MOST_JOBS = 10_000
MOST_NAMES = 10_000  # metrics of a summary, artifacts, figures, notes: each
KEPT_FILE_BYTES = 1024 * 1024
KEPT_FILES_BYTES = 32 * 1024 * 1024  # all kept files of one run together


def read_spool(directory: Path) -> Spool:
    """Everything in the spool that makes sense; what does not is counted in the notes.

    A directory that is missing is an empty spool. Only regular files are read.
    """
    reading = _Reading(directory)
    for path in regular_files(directory, "events-", ".jsonl"):
        reading.read_events(path)
    points = tuple(sorted(reading.points, key=lambda point: point.time))
    return Spool(
        pythons=tuple(_pythons(directory)),
        jobs=tuple(sorted(reading.jobs, key=lambda job: job.started)),
        hydra_seen=reading.hydra_seen,
        points=points,
        summary={name: value for name, (_, value) in reading.summary.items()},
        artifacts=tuple(reading.artifacts.values()),
        plots=tuple(sorted(name for name in reading.files if name.startswith("plots/"))),
        files=reading.files,
        notes=tuple(dict.fromkeys(reading.all_notes())),
    )


class _Reading:
    """What was gathered so far."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.points: list[Point] = []
        self.jobs: list[HydraJob] = []
        self.summary: dict[str, tuple[float, Number]] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.files: dict[str, bytes] = {}
        self.notes: list[str] = []
        self.hydra_seen = False
        self.cut = 0
        self.held_bytes = 0
        self._first_job = 0  # of the process whose file is being read

    def read_events(self, path: Path) -> None:
        """One process's file."""
        skipped = 0
        self._first_job = len(self.jobs)
        for line in lines_of(path):
            try:
                self._take(json.loads(line or b""))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                skipped += 1
        if skipped:
            lines = "1 line" if skipped == 1 else f"{skipped} lines"
            self.notes.append(f"{lines} of {path.name} could not be read")

    def all_notes(self) -> Iterator[str]:
        """The notes, with one on what was cut."""
        yield from self.notes[:MOST_NAMES]
        if self.cut:
            yield f"{self.cut} logged values were left out: one run keeps {MOST_POINTS:,} points"

    def _take(self, event: dict[str, Any]) -> None:
        match as_text(event["event"]):
            case "log":
                self._log(event)
            case "summary":
                self._summarise(event)
            case "artifact":
                self._artifact(event)
            case "figure":
                self._figure(event)
            case "dropped":
                subject = f"{as_text(event['what'])} {as_text(event['name'])!r}"
                self.notes.append(f"{subject} {as_text(event['reason'])}: not kept")
            case "trouble":
                self.notes.append(as_text(event["text"]))
            case "hydra_seen":
                self.hydra_seen = True
            case "hydra_start":
                self._start_job(event)
            case "hydra_end":
                self._end_job(event)

    def _log(self, event: dict[str, Any]) -> None:
        time, step = as_time(event["time"]), event.get("step")
        at = as_number(step) if step is not None and math.isfinite(step) else None
        values = {as_text(name): as_number(value) for name, value in event["values"].items()}
        room = MOST_POINTS - len(self.points)
        self.cut += max(0, len(values) - room)
        for name, value in list(values.items())[:room]:
            self.points.append(Point(name, value, at, time))

    def _summarise(self, event: dict[str, Any]) -> None:
        time = as_time(event["time"])
        for name, value in event["values"].items():
            earlier = self.summary.get(as_text(name), (-math.inf, 0))[0]
            known = name in self.summary or len(self.summary) < MOST_NAMES
            if time >= earlier and known:
                self.summary[as_text(name)] = (time, as_number(value))

    def _artifact(self, event: dict[str, Any]) -> None:
        name, path = _kept_name(event["name"]), Path(event["path"])
        if len(self.artifacts) >= MOST_NAMES:
            return
        kept = f"artifacts/{name}"
        content = self._content(kept) if event["stored"] is True else None
        if content is not None:
            digest = hashlib.sha256(content).hexdigest()
            self.artifacts[name] = Artifact(kept, f"sha256:{digest}", len(content), stored=True)
        elif (found := hash_of(path)) is not None:
            self.artifacts[name] = Artifact(str(path), found[0], found[1], stored=False)
        else:
            self.notes.append(f"artifact {name!r} is no longer at {path}")

    def _figure(self, event: dict[str, Any]) -> None:
        name = f"plots/{_kept_name(event['name'])}.png"
        if self._content(name) is None:
            self.notes.append(f"{name} was not kept: larger than 1 MiB, or gone")

    def _content(self, name: str) -> bytes | None:
        """A kept file of the spool, within the bounds; it becomes one of `files`."""
        room = KEPT_FILES_BYTES - self.held_bytes
        content = read_file(self.directory / name, min(KEPT_FILE_BYTES, room))
        if content is not None:
            self.held_bytes += len(content) - len(self.files.get(name, b""))
            self.files[name] = content
        return content

    def _start_job(self, event: dict[str, Any]) -> None:
        if len(self.jobs) < MOST_JOBS:
            self.jobs.append(_job(event))

    def _end_job(self, event: dict[str, Any]) -> None:
        """Join the end to the newest job of the same process and number that has none."""
        num = as_optional_int(event.get("num"))
        for at in range(len(self.jobs) - 1, self._first_job - 1, -1):
            if self.jobs[at].num == num and self.jobs[at].status is None:
                self.jobs[at] = replace(
                    self.jobs[at],
                    status=as_text(event["status"]),
                    values={as_text(k): as_number(v) for k, v in event.get("values", {}).items()},
                    other={as_text(k): as_text(v) for k, v in event.get("other", {}).items()},
                )
                return
        raise ValueError("the end of a job that never started")


def _job(event: dict[str, Any]) -> HydraJob:
    return HydraJob(
        num=as_optional_int(event.get("num")),
        mode=as_optional_text(event.get("mode")),
        config_name=as_optional_text(event.get("config_name")),
        overrides=tuple(as_text(item) for item in event["overrides"]),
        choices={as_text(k): as_optional_text(v) for k, v in event["choices"].items()},
        output_dir=as_optional_text(event.get("output_dir")),
        cwd=as_optional_text(event.get("cwd")),
        text=as_optional_text(event.get("text")),
        leaves={as_text(k): as_leaf(v) for k, v in event["leaves"].items()},
        raw={as_text(k): as_text(v) for k, v in event["raw"].items()},
        unresolved={as_text(k): as_text(v) for k, v in event["unresolved"].items()},
        env={as_text(k): None if v is None else as_os_text(v) for k, v in event["env"].items()},
        env_leaves={
            as_text(k): tuple(as_text(name) for name in v) for k, v in event["env_leaves"].items()
        },
        env_required=tuple(as_text(name) for name in event.get("env_required", ())),
        started=as_time(event["time"]),
    )


def read_main_python(directory: Path) -> PythonFacts | None:
    """The `main_python` of a spool as it is now, without reading what was logged."""
    return Spool(pythons=tuple(_pythons(directory))).main_python


def _pythons(directory: Path) -> Iterator[PythonFacts]:
    for path in regular_files(directory, "python-", ".json"):
        try:
            facts = json.loads(read_file(path, KEPT_FILE_BYTES) or b"")
            yield PythonFacts(
                executable=as_os_text(facts["executable"]),
                version=as_text(facts["version"]),
                implementation=as_text(facts["implementation"]),
                prefix=as_os_text(facts["prefix"]),
                base_prefix=as_os_text(facts["base_prefix"]),
                path=tuple(as_os_text(entry) for entry in facts["path"]),
                flags={as_text(k): int(as_number(v)) for k, v in facts["flags"].items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            continue  # torn by a kill at its start: there is no such interpreter to tell of


def _kept_name(value: object) -> str:
    """The name of a kept file, checked again: whoever wrote the spool may not have checked it."""
    name = as_text(value)
    if not is_kept_name(name):
        raise ValueError("a name that leads outside")
    return name
