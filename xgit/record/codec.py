"""Experiment ↔ record.json: the keys that users and scripts rely on are spelled here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from xgit.errors import Unreadable
from xgit.record import schemas
from xgit.record.json_form import (
    first_line,
    format_time,
    number_from_json,
    number_to_json,
    parse_time,
    to_json,
)
from xgit.record.model import (
    Artifact,
    Code,
    Environment,
    EnvironmentLock,
    Expectation,
    Experiment,
    Gpu,
    GuardResult,
    Hardware,
    HydraFacts,
    Json,
    Metrics,
    Outcome,
    Package,
    Params,
    Person,
    Pin,
    Point,
    Python,
    Submodule,
    Unlocked,
    Violation,
)

SCHEMA = schemas.name_of("record")
_SIZES = (int, type(None))  # of what a pin knows of its size


# ---------------------------------------------------------------- the record


def to_record(it: Experiment) -> dict[str, Json]:
    """The record.json document of an experiment."""
    return {
        "schema": SCHEMA,
        "id": it.id,
        **outcome_to_json(it.outcome),
        "author": {"name": it.author.name, "email": it.author.email},
        "why": it.why,
        "expectations": [expectation_to_json(one) for one in it.expectations],
        "labels": list(it.labels),
        "sweep": None if it.sweep_id is None else {"id": it.sweep_id, "index": it.sweep_index},
        "command": {"argv": list(it.command), "cwd": it.cwd},
        "code": _code_to_json(it.code),
        "params": dict(it.params.values),
        "params_source": it.params.source,
        "hydra": _hydra_to_json(it.params.hydra),
        "data": [_pin_to_json(pin) for pin in it.data],
        "environment": _environment_to_json(it.environment),
        "hardware": _hardware_to_json(it.hardware),
        "utilization": dict(it.utilization),
        "metrics": {name: number_to_json(value) for name, value in it.metrics.values.items()},
        "metric_sources": dict(it.metrics.sources),
        "artifacts": [
            {"path": one.path, "hash": one.hash, "size_bytes": one.size_bytes, "stored": one.stored}
            for one in it.artifacts
        ],
        "evidence": dict(it.evidence),
        "guards": [_guard_to_json(one) for one in it.guards],
        "reproducible": {"value": it.reproducible, "reasons": list(it.reasons)},
        "notes": list(it.notes),
        "xgit_version": it.xgit_version,
    }


def from_record(document: Mapping[str, Json]) -> Experiment:
    """The experiment in a valid record.json document (see `check`); the inverse of `to_record`.

    The log and the series lie in files of their own and are empty here.

    Raises:
        Unreadable: it holds a time or a number that cannot be.
    """
    try:
        return _experiment(document)
    except (ArithmeticError, ValueError) as error:
        raise Unreadable(f"record.json makes no sense: {first_line(error)}") from error


def _experiment(doc: Mapping[str, Json]) -> Experiment:
    sweep = doc["sweep"] or {}
    return Experiment(
        id=doc["id"],
        outcome=outcome_from_json(doc),
        author=Person(doc["author"]["name"], doc["author"]["email"]),
        why=doc["why"],
        expectations=expectations_from_json(doc["expectations"]),
        labels=tuple(doc["labels"]),
        sweep_id=sweep.get("id"),
        sweep_index=sweep.get("index"),
        command=tuple(doc["command"]["argv"]),
        cwd=doc["command"]["cwd"],
        code=_code_from_json(doc["code"]),
        params=Params(
            values=doc["params"],
            source=doc.get("params_source", "none"),
            hydra=_hydra_from_json(doc["hydra"]),
        ),
        data=tuple(_pin_from_json(one) for one in doc["data"]),
        environment=_environment_from_json(doc["environment"]),
        hardware=_hardware_from_json(doc["hardware"]),
        utilization=doc["utilization"],
        metrics=Metrics(
            values={name: number_from_json(value) for name, value in doc["metrics"].items()},
            sources=doc["metric_sources"],
        ),
        artifacts=tuple(
            Artifact(one["path"], one["hash"], one["size_bytes"], one["stored"])
            for one in doc["artifacts"]
        ),
        evidence=doc["evidence"],
        guards=tuple(_guard_from_json(one) for one in doc["guards"]),
        reproducible=doc["reproducible"]["value"],
        reasons=tuple(doc["reproducible"]["reasons"]),
        notes=tuple(doc.get("notes", ())),
        xgit_version=doc["xgit_version"],
    )


def check(document: Mapping[str, Json]) -> None:
    """Hold a document against the JSON Schema.

    Raises:
        Unsupported: its schema is a later one than this xgit knows.
        Unreadable: it does not fit the schema; the message names the first place.
    """
    schemas.check(document, "record")


def load_validator() -> None:
    """Load the schema and what reads it, which takes 0.1 s, before it is needed."""
    schemas.load_validator("record")


# ---------------------------------------------------------------- its parts, in pairs


def outcome_to_json(it: Outcome) -> dict[str, Json]:
    """The keys about how a run ended, shared by the record and the summary."""
    return {
        "status": it.status,
        "exit_code": it.exit_code,
        "signal": it.signal,
        "started": format_time(it.started),
        "finished": format_time(it.finished),
        "duration_seconds": round(it.duration_seconds, 6),
    }


def outcome_from_json(doc: Mapping[str, Json]) -> Outcome:
    """The inverse of `outcome_to_json`."""
    return Outcome(
        status=doc["status"],
        exit_code=doc["exit_code"],
        signal=doc.get("signal"),
        started=parse_time(doc["started"]),
        finished=parse_time(doc["finished"]),
        duration_seconds=float(doc["duration_seconds"]),
    )


def expectation_to_json(it: Expectation) -> dict[str, Json]:
    """One of `expectations[]`."""
    told = {"problem": it.problem} if it.problem else {}
    return {"expression": it.expression, "met": it.met, **told}


def expectations_from_json(items: list[dict[str, Json]]) -> tuple[Expectation, ...]:
    """The inverse of `expectation_to_json`, for the whole list."""
    return tuple(Expectation(one["expression"], one["met"], one.get("problem")) for one in items)


def _code_to_json(it: Code) -> dict[str, Json]:
    return {
        "commit": it.commit,
        "branch": it.branch,
        "remote": it.remote,
        "pushed": it.pushed,
        "snapshot": it.snapshot,
        "submodules": [
            {"path": one.path, "commit": one.commit, "dirty": one.dirty} for one in it.submodules
        ],
    }


def _code_from_json(doc: Mapping[str, Json]) -> Code:
    submodules = tuple(Submodule(**_only(one, Submodule)) for one in doc["submodules"])
    return Code(**{**_only(doc, Code), "submodules": submodules})


def _hydra_to_json(it: HydraFacts | None) -> dict[str, Json] | None:
    if it is None:
        return None
    return {
        "config_name": it.config_name,
        "overrides": list(it.overrides),
        "choices": dict(it.choices),
        "output_dir": it.output_dir,
    }


def _hydra_from_json(doc: Mapping[str, Json] | None) -> HydraFacts | None:
    if doc is None:
        return None
    return HydraFacts(
        doc["config_name"], tuple(doc["overrides"]), doc["choices"], doc["output_dir"]
    )


def _pin_to_json(it: Pin) -> dict[str, Json]:
    return {
        "path": it.path,
        "kind": it.kind,
        "hash": it.hash,
        "size_bytes": it.size_bytes,
        "files": it.files,
        "name": it.name,
        "version": it.version,
        "source": it.source,
        "command": it.command,
    }


def _pin_from_json(doc: Mapping[str, Json]) -> Pin:
    return Pin(**_only(doc, Pin))


def recorded_pins(document: Mapping[str, Json]) -> tuple[Pin, ...]:
    """The pins in a record that was not held against the schema, which is slow for thousands.

    Raises:
        Unreadable: they are not as the schema has them.
    """
    try:
        pins = tuple(_pin_from_json(one) for one in document["data"])
    except (LookupError, TypeError, ValueError) as error:
        raise Unreadable(f"record.json has no readable data: {first_line(error)}") from error
    for pin in pins:
        texts = (pin.path, pin.kind, pin.hash, pin.source)
        if not all(isinstance(text, str) for text in texts) or type(pin.size_bytes) not in _SIZES:
            raise Unreadable("record.json has a pin that is none")
    return pins


def _environment_to_json(it: Environment) -> dict[str, Json]:
    python = it.python
    return {
        "python": None
        if python is None
        else {name: getattr(python, name) for name in _names(Python)},
        "platform": it.platform,
        "packages": {
            name: {"version": one.version, "source": one.source}
            for name, one in it.packages.items()
        },
        "system_libraries": list(it.system_libraries),
        "variables": dict(it.variables),
        "container": it.container,
        "lock": None if it.lock is None else _lock_to_json(it.lock),
    }


def _lock_to_json(it: EnvironmentLock) -> dict[str, Json]:
    return {
        "fingerprint": it.fingerprint,
        "source": it.source,
        "missing": [{name: getattr(one, name) for name in _names(Unlocked)} for one in it.missing],
        "problem": it.problem,
        "project": it.project,
    }


def _environment_from_json(doc: Mapping[str, Json]) -> Environment:
    python = doc["python"]
    return Environment(
        python=None if python is None else Python(**_only(python, Python)),
        platform=doc["platform"],
        packages={name: Package(**_only(one, Package)) for name, one in doc["packages"].items()},
        system_libraries=tuple(doc["system_libraries"]),
        variables=doc["variables"],
        container=doc["container"],
        lock=_lock_from_json(doc["lock"]) if doc.get("lock") else None,
    )


def _lock_from_json(doc: Mapping[str, Json]) -> EnvironmentLock:
    missing = tuple(Unlocked(**_only(one, Unlocked)) for one in doc["missing"])
    return EnvironmentLock(**{**_only(doc, EnvironmentLock), "missing": missing})


def _hardware_to_json(it: Hardware) -> dict[str, Json]:
    return {
        "cpu": it.cpu,
        "cores": it.cores,
        "memory_bytes": it.memory_bytes,
        "gpus": [{name: getattr(gpu, name) for name in _names(Gpu)} for gpu in it.gpus],
    }


def _hardware_from_json(doc: Mapping[str, Json]) -> Hardware:
    gpus = tuple(Gpu(**_only(one, Gpu)) for one in doc["gpus"])
    return Hardware(doc["cpu"], doc["cores"], doc["memory_bytes"], gpus)


def _guard_to_json(it: GuardResult) -> dict[str, Json]:
    found = [{"subject": one.subject, "remedy": one.remedy} for one in it.violations]
    return {"id": it.id, "outcome": it.outcome, "violations": found}


def _guard_from_json(doc: Mapping[str, Json]) -> GuardResult:
    found = tuple(Violation(doc["id"], one["subject"], one["remedy"]) for one in doc["violations"])
    return GuardResult(doc["id"], doc["outcome"], found)


def _names(noun: type[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(noun._fields)  # type: ignore[attr-defined]


def _only(doc: Mapping[str, Json], noun: type[tuple[Any, ...]]) -> dict[str, Json]:
    """The keys of a document that the noun has; later versions may add others."""
    return {name: doc[name] for name in _names(noun) if name in doc}


# ---------------------------------------------------------------- series


def series_lines(points: tuple[Point, ...]) -> bytes:
    """`metrics.jsonl`: one logged value a line, in the order of time."""
    lines = (
        json.dumps(
            {
                "name": to_json(one.name),
                "value": number_to_json(one.value),
                "step": one.step,
                "time": one.time,
            },
            separators=(",", ":"),
        )
        for one in points
    )
    return "".join(line + "\n" for line in lines).encode()


def parse_series(content: bytes) -> tuple[Point, ...]:
    """The inverse of `series_lines`.

    Raises:
        Unreadable: a line is not one that `series_lines` writes.
    """
    try:
        docs = [json.loads(line) for line in content.splitlines()]
        return tuple(
            Point(doc["name"], number_from_json(doc["value"]), doc["step"], doc["time"])
            for doc in docs
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(f"metrics.jsonl is not readable: {first_line(error)}") from error
