"""The message of an experiment's tag: a subject a person reads, and a last line a program reads.

One `git for-each-ref` therefore lists any number of experiments without opening a tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, get_args

from xgit.errors import Unreadable
from xgit.git.signature import SIGNATURE_STARTS
from xgit.record.codec import expectation_to_json, expectations_from_json, outcome_to_json
from xgit.record.figures import format_number
from xgit.record.json_form import first_line, number_from_json, number_to_json, parse_time, to_json
from xgit.record.model import Experiment, Json, Status, Summary

SUMMARY_LIMIT_BYTES = 12_000
SUMMARY_MARK = "Xgit-Summary: "
_SUBJECT_METRICS = 4
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("id", "status", "author", "commit"), (str,)),
    **dict.fromkeys(("why", "branch"), (str, type(None))),
    "exit_code": (int, type(None)),
    **dict.fromkeys(("params", "metrics"), (dict,)),
    **dict.fromkeys(("labels", "expectations"), (list,)),
    "reproducible": (bool,),
}
_SIGNATURES = tuple(f"\n{mark.decode()}" for mark in SIGNATURE_STARTS)
_LIKE_SIGNATURE = re.compile(r"^-----BEGIN", re.MULTILINE)
_SHORT_WHY = 1000  # characters of a why that is too large for the summary


def tag_message(it: Experiment) -> str:
    """Subject, the why, and the summary as the last line."""
    parts = [_subject(it)]
    if it.why:
        parts.append(printable(it.why))
    parts.append(_summary_line(it))
    return "\n\n".join(parts) + "\n"


def _subject(it: Experiment) -> str:
    """`<id>: accuracy 0.973 · loss 0.081`, or how it ended when that was not well."""
    told = [f"{name} {format_number(value)}" for name, value in it.metrics.values.items()]
    if it.outcome.status != "completed":
        told.insert(0, it.outcome.status)
    words = " · ".join(told[:_SUBJECT_METRICS]) or it.outcome.status
    return printable(f"{it.id}: {words}").replace("\n", " ")


def printable(text: str) -> str:
    """The text without control characters, and with no line that git takes for a signature."""
    kept = (char if char.isprintable() or char == "\n" else " " for char in text)
    return _LIKE_SIGNATURE.sub(" -----BEGIN", "".join(kept).strip())


def signed_part(message: str) -> str:
    """The message without its signature, and without what may follow that and nobody signed."""
    if "\n-----BEGIN " not in message:
        return message
    found = max(message.rfind(mark) for mark in _SIGNATURES)
    return message if found < 0 else message[: found + 1]


def _summary_line(it: Experiment) -> str:
    """`Xgit-Summary: {json}`, the last line of a tag message; bounded in size."""
    document = {
        **outcome_to_json(it.outcome),
        "id": it.id,
        "author": it.author.name,
        "why": it.why,
        "labels": list(it.labels),
        "commit": it.code.commit,
        "branch": it.code.branch,
        "params": dict(it.params.values),
        "metrics": {name: number_to_json(value) for name, value in it.metrics.values.items()},
        "expectations": [expectation_to_json(one) for one in it.expectations],
        "reproducible": it.reproducible,
    }
    shorter = {"why": (it.why or "")[:_SHORT_WHY] + "…", "params": {}, "metrics": {}}
    if not it.why or len(it.why) <= _SHORT_WHY:
        del shorter["why"]
    for key, value in shorter.items():
        text = _compact(document)
        if len(text) <= SUMMARY_LIMIT_BYTES:
            break
        document = {**document, key: value, "cut": True}
    return SUMMARY_MARK + _compact(document)


def _compact(document: Mapping[str, Json]) -> str:
    return json.dumps(to_json(document), sort_keys=True, separators=(",", ":"))


def _check_types(doc: Mapping[str, Json]) -> None:
    """Every value is of a type that a summary has there; JSON Schema would cost 50 ms."""
    for key, types in _TYPES.items():
        if not isinstance(doc[key], types):
            raise TypeError(f"{key} is of type {type(doc[key]).__name__}")
    if doc["status"] not in get_args(Status):
        raise ValueError(f"status is {doc['status']!r}")
    texts = [*doc["labels"], *(one["expression"] for one in doc["expectations"])]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a label or an expectation is no text")
    if not all(isinstance(value, int | float | str) for value in doc["metrics"].values()):
        raise TypeError("a metric is no number")


def parse_summary(message: str) -> Summary:
    """The summary in a tag message.

    Raises:
        Unreadable: there is none, or it is not one that `summary_line` writes.
    """
    _, mark, text = signed_part(message).rpartition("\n" + SUMMARY_MARK)
    if not mark:
        raise Unreadable("the tag message has no Xgit-Summary line")
    try:
        doc, _ = json.JSONDecoder().raw_decode(text)
        _check_types(doc)
        return Summary(
            id=doc["id"],
            status=doc["status"],
            exit_code=doc["exit_code"],
            started=parse_time(doc["started"]),
            finished=parse_time(doc["finished"]),
            duration_seconds=float(doc["duration_seconds"]),
            author=doc["author"],
            why=doc["why"],
            labels=tuple(doc["labels"]),
            commit=doc["commit"],
            branch=doc["branch"],
            params=dict(doc["params"]),
            metrics={name: number_from_json(value) for name, value in doc["metrics"].items()},
            expectations=expectations_from_json(doc["expectations"]),
            reproducible=doc["reproducible"],
            cut=bool(doc.get("cut", False)),
        )
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise Unreadable(f"its Xgit-Summary line is damaged: {first_line(error)}") from error
