"""The message of a verdict's tag: a subject a person reads, and a last line a program reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, get_args

from xgit.errors import Unreadable
from xgit.record.figures import format_number, format_numbers
from xgit.record.json_form import first_line, format_time, parse_time, to_json
from xgit.record.message import printable, signed_part
from xgit.record.model import Json, Number
from xgit.record.verdict import MetricVerdict, Result, Step, Verdict, VerdictSummary

SUMMARY_MARK = "Xgit-Verdict: "
_SUBJECT_METRICS = 4
_LONGEST = 500  # characters of a reason or a name in the summary
_NAMED = 20  # metrics, outputs and suspects that the message names, each
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("of", "tag", "result", "finished", "by", "environment"), (str,)),
    **dict.fromkeys(("step", "reason"), (str, type(None))),
    "number": (int,),
    "hermetic": (bool,),
}


def verdict_message(it: Verdict, number: int) -> str:
    """Subject, what was found in a few lines, and the summary as the last line."""
    lines = [printable(line).replace("\n", " ") for line in _lines(it)]
    parts = [_subject(it), "\n".join(lines), SUMMARY_MARK + _summary(it, number)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _subject(it: Verdict) -> str:
    """`<id> reproduced: identical · accuracy 0.973`, or why it was not."""
    yes = "reproduced" if it.reproduced else "not reproduced"
    told = [f"{it.result} at {it.step}" if it.step else it.result]
    told += [_metric(one) for one in _first(it)[:_SUBJECT_METRICS]]
    return printable(f"{it.of} {yes}: {' · '.join(told)}").replace("\n", " ")


def _first(it: Verdict) -> list[MetricVerdict]:
    """The metrics that were judged, those that differ before all others."""
    judged = [one for one in it.metrics if one.agreement not in ("ignored", "new")]
    return sorted(judged, key=lambda one: one.agreement not in ("different", "missing"))


def _metric(it: MetricVerdict) -> str:
    """`accuracy 0.973`, or `accuracy 0.973 → 0.951` where another value came."""
    new = [value for value in it.reproduced if value is not None]
    if it.recorded is None or not new:
        return f"{it.name} {_number(it.recorded)} → none" if it.recorded is not None else it.name
    if it.agreement == "identical":
        return f"{it.name} {format_number(it.recorded)}"
    old, *came = format_numbers([it.recorded, *new])
    return f"{it.name} {old} → {', '.join(dict.fromkeys(came))}"


def _number(value: Number | None) -> str:
    return "none" if value is None else format_number(value)


def _lines(it: Verdict) -> Iterator[str]:
    if it.reason:
        yield it.reason[:_LONGEST]
    wrong = [one for one in _first(it) if one.agreement != "identical"]
    yield from _bounded([f"metric {_metric(one)}: {one.agreement}" for one in wrong])
    outputs = [one for one in it.outputs if one.agreement in ("different", "missing")]
    yield from _bounded([f"output {one.name}: {one.agreement}" for one in outputs])
    if it.result != "identical":
        suspects = [
            f"suspect {one.kind}: {one.name} {one.recorded} → {one.reproduced}".removesuffix("  → ")
            for one in it.suspects
        ]
        yield from _bounded(suspects)


def _bounded(lines: list[str]) -> list[str]:
    more = len(lines) - _NAMED
    return [*lines[:_NAMED], f"and {more} more"] if more > 0 else lines


def _summary(it: Verdict, number: int) -> str:
    document = {
        "of": it.of,
        "number": number,
        "tag": it.tag,
        "result": it.result,
        "step": it.step,
        "reason": None if it.reason is None else it.reason[:_LONGEST],
        "finished": format_time(it.finished),
        "by": it.by.name[:_LONGEST],
        "hermetic": it.manner.hermetic,
        "environment": it.manner.environment,
    }
    return json.dumps(to_json(document), sort_keys=True, separators=(",", ":"))


def parse_verdict(message: str) -> VerdictSummary:
    """The summary in the message of a verdict's tag.

    Raises:
        Unreadable: there is none, or it is not one that `verdict_message` writes.
    """
    _, mark, text = signed_part(message).rpartition("\n" + SUMMARY_MARK)
    if not mark:
        raise Unreadable(f"the tag message has no {SUMMARY_MARK.strip(': ')} line")
    try:
        doc, _ = json.JSONDecoder().raw_decode(text)
        _check_types(doc)
        return VerdictSummary(
            of=doc["of"],
            number=doc["number"],
            tag=doc["tag"],
            result=doc["result"],
            step=doc["step"],
            reason=doc["reason"],
            finished=parse_time(doc["finished"]),
            by=doc["by"],
            hermetic=doc["hermetic"],
            environment=doc["environment"],
        )
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Unreadable(f"its Xgit-Verdict line is damaged: {first_line(error)}") from error


def _check_types(doc: Mapping[str, Json]) -> None:
    """Every value is of a type that a summary has there; JSON Schema would cost 50 ms."""
    for key, types in _TYPES.items():
        if not isinstance(doc[key], types) or (key == "number" and isinstance(doc[key], bool)):
            raise TypeError(f"{key} is of type {type(doc[key]).__name__}")
    if doc["result"] not in get_args(Result):
        raise ValueError(f"result is {doc['result']!r}")
    if doc["step"] not in (*get_args(Step), None):
        raise ValueError(f"step is {doc['step']!r}")
