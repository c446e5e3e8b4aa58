"""The indexes that only pip was told of, in the words of uv, which does not read pip's settings.

Without them a project whose packages come from an index of its own would ask the public one, and
tell it their names. Where uv has settings of its own, those alone count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from xgit.record.model import Json

_UV_VARIABLES = (
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_NO_INDEX",
)
_UV_KEYS = ("index", "index-url", "extra-index-url", "no-index", "find-links")
_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}


def uv_variables(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for uv that stand for pip's settings; none where uv has its own.

    Args:
        root: of the project, whose settings uv reads.
    """
    if any(environ.get(name) for name in _UV_VARIABLES) or _has_uv_settings(root, environ):
        return {}
    found: dict[str, str] = {}
    for settings in _pip_settings(environ):
        found |= settings
    told = {_TO_UV[key]: urls for key, value in found.items() if (urls := _shared(value))}
    # pip takes the version that was asked for from whichever index has it.
    return told | ({"UV_INDEX_STRATEGY": "unsafe-best-match"} if "UV_INDEX" in told else {})


def _shared(value: str) -> str:
    """Those of the indexes that others can reach: what comes from a directory is no help to them,
    and would hide what the others have.
    """
    return " ".join(url for url in value.split() if url.startswith(("http://", "https://")))


def _has_uv_settings(root: Path, environ: Mapping[str, str]) -> bool:
    user = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    files = (root / "uv.toml", Path(user, "uv", "uv.toml"), Path("/etc/uv/uv.toml"))
    tables = [_table(path) for path in files]
    tables.append(_member(_member(_table(root / "pyproject.toml"), "tool"), "uv"))
    tables += [_member(table, "pip") for table in tables]
    return any(key in table for table in tables for key in _UV_KEYS)


def _table(path: Path) -> Mapping[str, Json]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # not there; what is broken uv will complain of itself


def _member(table: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _pip_settings(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The settings of each place, the one that counts most last."""
    from configparser import Error, RawConfigParser

    for path in _pip_files(environ):
        parser = RawConfigParser()
        with suppress(Error, UnicodeDecodeError):  # pip itself says that it is broken
            parser.read(path, encoding="utf-8")
        for section in ("global", "install"):
            if parser.has_section(section):
                yield {key: parser[section][key] for key in _TO_UV if key in parser[section]}
    variables = {key: environ.get(f"PIP_{key.upper().replace('-', '_')}") for key in _TO_UV}
    yield {key: value for key, value in variables.items() if value}


def _pip_files(environ: Mapping[str, str]) -> Iterator[str]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = environ.get("HOME", "/")
    user = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    yield "/etc/pip.conf"
    yield os.path.join(home, ".pip", "pip.conf")
    yield os.path.join(user, "pip", "pip.conf")
    if environ.get("VIRTUAL_ENV"):
        yield os.path.join(environ["VIRTUAL_ENV"], "pip.conf")
    if named:
        yield named
