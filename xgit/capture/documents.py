"""JSON, YAML and TOML files of strangers as plain values, whatever is in them.

A file that is too large, too deep, not UTF-8 or not well formed is one kind of error. YAML is
read by the rules of YAML 1.2 (`1e-3` is a number, `12:30` and `yes` are texts), and neither
nesting nor aliases can be used to exhaust memory or the stack.
"""

from __future__ import annotations

import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import Any

from xgit.record.model import Json

LIMIT_BYTES = 16 * 1024 * 1024
YAML_LIMIT_BYTES = 1024 * 1024  # it is read fifty times more slowly than JSON
_DEPTH = 100
_DIGITS = 4300  # more than this Python neither reads nor writes
_YAML = (".yaml", ".yml")
SUFFIXES = (".json", *_YAML, ".toml")
_YAML_CORE = (  # tag, pattern, first characters
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.nan|\.NaN|\.NAN", list("-+.")),
)


class BadDocument(ValueError):
    """A file that cannot be read as what it says it is; the message is fit for the user."""


class TooLong:
    """Stands for an integer of more digits than Python reads."""


def read_document(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Json:
    """The content of the file, read as its suffix says; see `SUFFIXES`.

    NaN and infinities are floats; an integer of more than 4300 digits is a `TooLong`.

    Raises:
        BadDocument: the file is not as it should be.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadDocument(f"it is none of {', '.join(SUFFIXES)}")
    limit = min(limit_bytes, YAML_LIMIT_BYTES) if suffix in _YAML else limit_bytes
    text = read_text(path, limit_bytes=limit)
    parse = {".json": parse_json, ".toml": parse_toml}.get(suffix, parse_yaml)
    return parse(text)


def read_text(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> str:
    """The text of a regular file in UTF-8, without a byte order mark.

    Raises:
        BadDocument: it is no regular file, is too large or is not UTF-8.
        OSError: it cannot be read.
    """
    # Not to hang on a FIFO, which can have taken the file's place.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadDocument("it is not a regular file")
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise BadDocument(f"it is larger than {limit_bytes // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument("it is not UTF-8") from error


def parse_json(text: str) -> Json:
    """The value of a JSON text.

    Raises:
        BadDocument: it is not JSON, or nested too deeply.
    """
    import json

    try:
        return json.loads(text, parse_int=parse_int)
    except RecursionError as error:
        raise BadDocument("it is nested too deeply") from error
    except ValueError as error:
        raise BadDocument(f"it is not valid JSON: {error}") from error


def parse_toml(text: str) -> Json:
    """The value of a TOML text.

    Raises:
        BadDocument: it is not TOML, or nested too deeply.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise BadDocument("it is nested too deeply") from error
    except ValueError as error:
        raise BadDocument(f"it is not valid TOML: {error}") from error


def parse_int(digits: str) -> int | TooLong:
    """The integer, or a `TooLong`."""
    return int(digits) if len(digits) <= _DIGITS else TooLong()


def parse_yaml(text: str) -> Json:
    """The value of the first and only document of a YAML text; merge keys are not applied.

    Raises:
        BadDocument: it is not YAML, or nested too deeply.
    """
    import yaml

    try:
        _check_depth(text)
        return yaml.load(text, Loader=_yaml_loader())  # noqa: S506 - it derives from the safe one
    except BadDocument:
        raise
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadDocument(f"it is not valid YAML: {error.problem}{where}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadDocument(f"it is not valid YAML: {str(error).splitlines()[0]}") from error


def _check_depth(text: str) -> None:
    """Before the value is built: the C loader recurses without a limit and would crash."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_yaml_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH:
            raise BadDocument("it is nested too deeply")


@cache
def _yaml_loader() -> Any:
    """The safe loader with the core schema of YAML 1.2 and without merge keys."""
    import yaml

    fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class CoreLoader(fast):  # type: ignore[misc]
        # Both stand in place of the inherited ones.
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
        yaml_constructors: dict[str | None, Any] = {}  # noqa: RUF012

        def flatten_mapping(self, node: object) -> None:
            """Merge keys multiply what they merge: they are left as they stand."""

    own = {"bool": _yaml_bool, "int": _yaml_int, "float": _yaml_float}
    for kind in ("map", "seq", "str", "null", *own):
        tag = f"tag:yaml.org,2002:{kind}"
        CoreLoader.add_constructor(tag, own.get(kind) or fast.yaml_constructors[tag])
    CoreLoader.add_constructor(None, fast.yaml_constructors[None])
    for kind, pattern, first in _YAML_CORE:
        whole = re.compile(rf"(?:{pattern})\Z")
        CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", whole, first)
    return CoreLoader


def _yaml_bool(loader: Any, node: Any) -> bool:
    text = loader.construct_scalar(node)
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return bool(text.lower() == "true")


def _yaml_int(loader: Any, node: Any) -> int | TooLong:
    text = loader.construct_scalar(node)
    base = {"0x": 16, "0o": 8}.get(text[:2])
    return int(text, base) if base and len(text) <= _DIGITS else parse_int(text)


def _yaml_float(loader: Any, node: Any) -> float:
    return float(
        loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan")
    )
