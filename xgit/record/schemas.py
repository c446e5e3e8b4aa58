"""JSON documents held against the schema of their kind, one file a kind and version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from xgit.errors import Unreadable, Unsupported
from xgit.record.facts import Json

Kind = Literal["record", "verdict"]
VERSION = 1
_FOLDER = Path(__file__).parent.parent / "schema"
_MOST_DIGITS = 9


def name_of(kind: Kind) -> str:
    """What a document of the kind has under `schema`: `xgit/record/v1`."""
    return f"xgit/{kind}/v{VERSION}"


def check(document: Mapping[str, Json], kind: Kind) -> None:
    """Hold a document against the JSON Schema of its kind.

    Raises:
        Unsupported: its schema is a later one than this xgit knows.
        Unreadable: it does not fit the schema; the message names the first place.
    """
    file = f"{kind}.json"
    schema = document.get("schema")
    if schema != name_of(kind):
        _refuse_later(str(schema), kind)
        raise Unreadable(f"{file} names no known schema: {str(schema)[:60]!r}")
    try:
        problem = next(load_validator(kind).iter_errors(document), None)
    except RecursionError as error:
        raise Unreadable(f"{file} is nested too deep") from error
    if problem is not None:
        where = ".".join(str(part) for part in problem.absolute_path) or "the document"
        raise Unreadable(f"{file} is not valid at {where}: {problem.message[:200]}")


def _refuse_later(schema: str, kind: Kind) -> None:
    family, _, version = schema.rpartition("/v")
    known = family == f"xgit/{kind}" and version.isascii() and version.isdecimal()
    if known and len(version) <= _MOST_DIGITS and int(version) > VERSION:
        raise Unsupported(
            f"the {kind} is of version {version}, and this xgit reads version {VERSION}",
            "pip install --upgrade xgit",
        )


@cache
def load_validator(kind: Kind) -> Any:
    """The validator of the schema, made once; it takes 0.1 s to import."""
    from jsonschema import Draft202012Validator

    file = _FOLDER / f"{kind}.v{VERSION}.json"
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))
