"""Verdict ↔ verdict.json: the keys that users and scripts rely on are spelled here."""

from __future__ import annotations

from collections.abc import Mapping

from xgit.errors import Unreadable
from xgit.record import schemas
from xgit.record.json_form import (
    first_line,
    format_time,
    number_from_json,
    number_to_json,
    parse_time,
)
from xgit.record.model import Json, Number, Person
from xgit.record.verdict import (
    Manner,
    MetricVerdict,
    OutputVerdict,
    Suspect,
    Tolerance,
    Verdict,
    VerdictSummary,
)

FILE = "verdict.json"


def to_document(it: Verdict) -> dict[str, Json]:
    """The verdict.json document of a verdict."""
    return {
        "schema": schemas.name_of("verdict"),
        "of": it.of,
        "tag": it.tag,
        "result": it.result,
        "step": it.step,
        "reason": it.reason,
        "remedy": it.remedy,
        "started": format_time(it.started),
        "finished": format_time(it.finished),
        "by": {"name": it.by.name, "email": it.by.email},
        "runs": it.runs,
        "exit_code": it.runs_exit_code,
        "metrics": {one.name: _metric_to_json(one) for one in it.metrics},
        "outputs": {
            one.name: {
                "agreement": one.agreement,
                "recorded": one.recorded,
                "reproduced": list(one.reproduced),
            }
            for one in it.outputs
        },
        "suspects": [one._asdict() for one in it.suspects],
        "manner": {**it.manner._asdict(), "missing_packages": list(it.manner.missing_packages)},
        "notes": list(it.notes),
        "xgit_version": it.xgit_version,
    }


def from_document(document: Mapping[str, Json]) -> Verdict:
    """The verdict in a valid document (see `schemas.check`); the inverse of `to_document`.

    Raises:
        Unreadable: it holds a time or a number that cannot be.
    """
    try:
        return _verdict(document)
    except (ArithmeticError, ValueError) as error:
        raise Unreadable(f"{FILE} makes no sense: {first_line(error)}") from error


def _verdict(doc: Mapping[str, Json]) -> Verdict:
    manner = doc["manner"]
    return Verdict(
        of=doc["of"],
        tag=doc["tag"],
        result=doc["result"],
        started=parse_time(doc["started"]),
        finished=parse_time(doc["finished"]),
        by=Person(doc["by"]["name"], doc["by"]["email"]),
        xgit_version=doc["xgit_version"],
        step=doc["step"],
        reason=doc["reason"],
        remedy=doc["remedy"],
        runs=doc["runs"],
        runs_exit_code=doc["exit_code"],
        metrics=tuple(_metric_from_json(name, one) for name, one in doc["metrics"].items()),
        outputs=tuple(
            OutputVerdict(name, one["agreement"], one["recorded"], tuple(one["reproduced"]))
            for name, one in doc["outputs"].items()
        ),
        suspects=tuple(
            Suspect(one["kind"], one["name"], one["recorded"], one["reproduced"])
            for one in doc["suspects"]
        ),
        manner=Manner(
            code=manner["code"],
            remote=manner["remote"],
            environment=manner["environment"],
            hermetic=manner["hermetic"],
            builds=manner["builds"],
            missing_packages=tuple(manner["missing_packages"]),
        ),
        notes=tuple(doc["notes"]),
    )


def _metric_to_json(it: MetricVerdict) -> dict[str, Json]:
    return {
        "agreement": it.agreement,
        "recorded": _number_to_json(it.recorded),
        "reproduced": [_number_to_json(value) for value in it.reproduced],
        "tolerance": it.tolerance._asdict(),
        "interval": None if it.interval is None else list(it.interval),
    }


def _metric_from_json(name: str, doc: Mapping[str, Json]) -> MetricVerdict:
    tolerance, interval = doc["tolerance"], doc["interval"]
    return MetricVerdict(
        name=name,
        agreement=doc["agreement"],
        recorded=_number_from_json(doc["recorded"]),
        reproduced=tuple(_number_from_json(value) for value in doc["reproduced"]),
        tolerance=Tolerance(
            tolerance["rtol"], tolerance["atol"], tolerance["source"], tolerance["ignore"]
        ),
        interval=None if interval is None else (interval[0], interval[1]),
    )


def _number_to_json(value: Number | None) -> Number | str | None:
    return None if value is None else number_to_json(value)


def _number_from_json(value: Number | str | None) -> Number | None:
    return None if value is None else number_from_json(value)


def standing_document(
    latest: VerdictSummary | None, stale: bool, count: int
) -> dict[str, Json] | None:
    """The latest verdict as `exp list`, `exp show` and `exp status` print it with `--json`.

    Args:
        stale: it is about another tag object than the experiment has now.
        count: of readable verdicts on the experiment.
    """
    if latest is None:
        return None
    return {
        "number": latest.number,
        "result": latest.result,
        "step": latest.step,
        "reason": latest.reason,
        "finished": format_time(latest.finished),
        "by": latest.by,
        "environment": latest.environment,
        "hermetic": latest.hermetic,
        "stale": stale,
        "count": count,
    }
