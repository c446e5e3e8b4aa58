"""`[tool.xgit]` of `pyproject.toml`, or `xgit.toml`, as one `Settings`."""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from xgit.errors import XgitError

DEFAULT_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TOKENIZERS_PARALLELISM",
)


class Settings(NamedTuple):
    """What a project may set; every field is a key of `[tool.xgit]`.

    Attributes:
        command: what `xgit exp run` runs when no command is given.
        variables: environment variables whose values may be recorded, beside the default ones.
        metrics: further metric files (JSON, YAML or TOML), relative to the repository root.
        log_bytes: how much output a record keeps, half from the start and half from the end.
        grace_seconds: how long an interrupted command may take to end before it is killed.
        guards: for a stage the ids of its guards, for a guard the table of its options; what they
            may be is known to `guards.registry`.
        tolerances: for the name of a metric or output, or a glob, the table of `rtol`, `atol` and
            `ignore`; what they mean is known to `reproduce.tolerances`.
    """

    command: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    log_bytes: int = 512 * 1024
    grace_seconds: float = 10.0
    guards: Mapping[str, Any] = MappingProxyType({})
    tolerances: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


def load_settings(root: Path) -> Settings:
    """Read the settings of the project at `root`; without any, the defaults.

    Raises:
        XgitError: the file is not TOML, or a key is unknown or of the wrong type.
    """
    own = root / "xgit.toml"
    if own.exists():
        return _settings(_read(own), own)
    project = root / "pyproject.toml"
    if project.exists():
        tools = _read(project).get("tool", {})
        return _settings(tools.get("xgit", {}) if isinstance(tools, dict) else {}, project)
    return Settings()


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise XgitError(f"{path.name} is not valid TOML: {error}") from error
    except OSError as error:
        told = f"{path.name} cannot be read: {error.strerror}"
        raise XgitError(told, f"ls -ld {path.name}") from error


def _settings(table: object, path: Path) -> Settings:
    if not isinstance(table, dict):
        raise XgitError(f"tool.xgit in {path.name} is not a table")
    known = Settings._field_defaults
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise XgitError(
                f"{path.name} has an unknown setting {key!r}", f"known are: {', '.join(known)}"
            )
        values[key] = _value(key, value, known[key], path)
    guards = values.get("guards", {})
    if not isinstance(guards, dict):
        raise XgitError(f"tool.xgit.guards in {path.name} is not a table")
    return Settings(**values)


def _value(key: str, value: object, default: object, path: Path) -> object:
    if key == "command" and isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise XgitError(f"{key} in {path.name} is no command: {error}") from error
    if key == "guards":
        return value
    if key == "tolerances":
        return _tolerances(value, path)
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise XgitError(f"{key} in {path.name} is not a list of strings")
    amount = _amount(value)
    if amount is None:
        raise XgitError(f"{key} in {path.name} is not a number of zero or more")
    return int(amount) if isinstance(default, int) else float(amount)


def _amount(value: object) -> int | float | None:
    """The value where it is a number of zero or more that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= sys.float_info.max else None


def _tolerances(table: object, path: Path) -> dict[str, dict[str, float | bool]]:
    where = f"tool.xgit.tolerances in {path.name}"
    example = '"val/loss" = { rtol = 1e-6 }'
    if not isinstance(table, dict):
        raise XgitError(f"{where} is not a table", f"such as {example}")
    for name, entry in table.items():
        if not isinstance(entry, dict):
            raise XgitError(f"{where}: {name!r} is given no table", f"such as {example}")
        for option, value in entry.items():
            _check_tolerance(option, value, f"{where}: {name!r}", name)
    return table


def _check_tolerance(option: str, value: object, where: str, name: str) -> None:
    if option == "ignore":
        if not isinstance(value, bool):
            raise XgitError(f"{where}: ignore is neither true nor false")
    elif option in ("rtol", "atol"):
        if _amount(value) is None:
            raise XgitError(f"{where}: {option} is not a number of zero or more")
    else:
        known = "known are: rtol, atol, ignore"
        nested = f'put the whole name in quotes: "{name}.{option}"'  # TOML reads a.b as two tables
        hint = nested if isinstance(value, dict) else known
        raise XgitError(f"{where} has an unknown key {option!r}", hint)
