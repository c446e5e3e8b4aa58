"""JSON, YAML and TOML files of strangers as plain values, whatever is in them.

A file that is too large, too deep, not UTF-8 or not well formed is one kind of error. YAML is
read by the rules of YAML 1.2 (`1e-3` is a number, `12:30` and `yes` are texts), and neither
nesting nor aliases can be used to exhaust memory or the stack.
"""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from xgit.capture.cache import Cache, Stamp
from xgit.record.model import Json
from xgit.record.safe_yaml import compose

if TYPE_CHECKING:
    import yaml

LIMIT_BYTES = 16 * 1024 * 1024
YAML_LIMIT_BYTES = 1024 * 1024  # it is read fifty times more slowly than JSON
_DIGITS = 4300  # more than this Python neither reads nor writes
_YAML = (".yaml", ".yml")
SUFFIXES = (".json", *_YAML, ".toml")
_YAML_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_YAML_BASES = {"0o": 8, "0x": 16}
_YAML_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class BadDocument(ValueError):
    """A file that cannot be read as what it says it is; the message is fit for the user."""


class TooLong:
    """Stands for an integer of more digits than Python reads."""

    def __str__(self) -> str:
        return "a number of too many digits"


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


def remembered_yaml(path: Path, cache: Cache | None, *, limit_bytes: int) -> Json:
    """The content of a YAML file, parsed again only when its stat has changed.

    It is remembered as JSON, which spares the import of a YAML reader too.

    Raises:
        BadDocument: the file is not as it should be.
        OSError: it cannot be read.
    """
    stamp = Stamp.of(path.stat())
    known = cache.document(str(path), stamp) if cache is not None else None
    if known is not None:
        return json.loads(known)
    content = parse_yaml(read_text(path, limit_bytes=limit_bytes))
    if cache is not None and Stamp.of(path.stat()) == stamp:
        text = json.dumps(content)
        if json.loads(text) == content:  # not so where a key is no text, or a value is NaN
            cache.keep_document(str(path), stamp, text)
    return content


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
    """The value of the only document of a YAML text; tags and merge keys mean nothing.

    What is named by aliases is one object in the answer, however often it is named.

    Raises:
        BadDocument: it is not YAML, nested too deeply, or has a key that is no scalar.
    """
    import yaml

    try:
        root = compose(text)
        return None if root is None else _value(root, {})
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadDocument(f"it is not valid YAML: {error.problem}{where}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise BadDocument(f"it is not valid YAML: {str(error).splitlines()[0]}") from error


def _value(node: yaml.Node, built: dict[yaml.Node, Json]) -> Json:
    """What a node stands for; a collection enters `built` before what it holds, to hold itself."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else _scalar(node.value)
    if node in built:
        return built[node]
    if not isinstance(node, yaml.MappingNode):
        items: list[Json] = []
        built[node] = items
        items.extend(_value(entry, built) for entry in node.value)
        return items
    mapping: dict[Json, Json] = {}
    built[node] = mapping
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            raise BadDocument(f"it is not valid YAML: a key that is no scalar in line {line}")
        mapping[_value(key, built)] = _value(value, built)
    return mapping


def _scalar(text: str) -> Json:
    """A plain scalar by the core schema of YAML 1.2."""
    if text in _YAML_WORDS:
        return _YAML_WORDS[text]
    if _YAML_INT.fullmatch(text):
        base = _YAML_BASES.get(text[:2])
        return int(text, base) if base and len(text) <= _DIGITS else parse_int(text)
    if _YAML_FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
