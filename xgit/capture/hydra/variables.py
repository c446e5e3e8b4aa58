"""Which environment variables the staged configs demand, read from the text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xgit.record.model import ConfigFile, RequiredVariable

TABLE = "guards.variables"
# `\${…}` is no interpolation, `\\${…}` is one. What follows a comma is a default.
_DEMANDED = re.compile(
    r"(?<!\\)(?:\\\\)*\$\{\s*oc\.env\s*:\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1\s*\}"
)


def required_variables(files: Iterable[ConfigFile]) -> tuple[RequiredVariable, ...]:
    """Each `${oc.env:NAME}` without a default in a staged config, at its first place."""
    found: dict[str, RequiredVariable] = {}
    for one in files:
        if one.staged and not one.link and one.text and "oc.env" in one.text:
            for name, line in _in_text(one.text):
                found.setdefault(name, RequiredVariable(name, one.path, line))
    return tuple(found.values())


def _in_text(text: str) -> Iterator[tuple[str, int]]:
    """Name and line, counted from one; comments do not count, nor what follows an error."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, loader):
            if isinstance(event, yaml.ScalarEvent):
                start: Any = event.start_mark
                for match in _DEMANDED.finditer(event.value):
                    yield match[2], start.line + 1
    except (yaml.YAMLError, UnicodeError):
        return  # the guard `config` tells


def place_to_declare(root: Path) -> str:
    """The file of settings to which the table can be appended, or empty where it has it."""
    own, project = root / "xgit.toml", root / "pyproject.toml"
    is_project = project.exists() and not own.exists()
    path, header = (project, f"tool.xgit.{TABLE}") if is_project else (own, TABLE)
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        tomllib.loads(f"{text}\n[{header}]\n")
    except (OSError, ValueError):
        return ""
    return path.name
