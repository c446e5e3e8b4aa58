"""Values as JSON has them, and back.

Written with sorted keys and two-space indent, so that `git diff` of two experiments is readable.
JSON has no form for NaN and the infinities (RFC 8259, section 6): they are strings here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from xgit.errors import Unreadable
from xgit.record.model import Json, Number

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(document: Mapping[str, Json]) -> bytes:
    """The document as it is written to a file."""
    text = json.dumps(to_json(document), indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


def decode(content: bytes, file: str = "record.json") -> dict[str, Json]:
    """The document in a record.json, or in another file of the record.

    Raises:
        Unreadable: it is not a JSON object, or so deep or large that Python cannot read it.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{file} is not readable JSON: {first_line(error)}") from error
    if not isinstance(document, dict):
        raise Unreadable(f"{file} is not a JSON object")
    return document


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one line of a message."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def to_json(value: Json) -> Json:
    """A value fit for JSON: with every string valid UTF-8 and every float in JSON's range."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return number_to_json(value)
    if isinstance(value, Mapping):
        return {to_json(str(key)): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def number_to_json(value: Number) -> Number | str:
    """The number, or its name when JSON has no form for it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def number_from_json(value: Number | str) -> Number:
    """The inverse of `number_to_json`."""
    return _NOT_FINITE[value] if isinstance(value, str) else value


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`."""
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)
