"""The interpreter of a rebuilt environment: the recorded version, found or fetched by uv."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from xgit.record.model import Python
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.uv import Uv, UvFailed, short

_VERSION = re.compile(r"(\d+)\.(\d+)(\.\d+)?((a|b|rc)\d+)?\+?")
_NAME = re.compile(r"[a-z]+")


def make_environment(
    uv: Uv, prefix: Path, recorded: Python, cwd: Path
) -> tuple[Path, tuple[str, ...]]:
    """An empty environment with the recorded Python, or one of the same X.Y, and a note on that.

    Whether uv fetches a Python that is not here is for the user's own uv settings to say.

    Raises:
        CannotReproduce: there is no such Python.
    """
    version = _VERSION.fullmatch(recorded.version)
    if version is None or not _NAME.fullmatch(recorded.implementation):
        told = f"the record has no version of Python that could be asked for: {recorded.version!r}"
        raise CannotReproduce("environment", told)
    exact = recorded.version.rstrip("+")
    variant = "+freethreaded" if "free-threading" in recorded.build else ""
    said = ""
    for wish in (exact, f"{version[1]}.{version[2]}"):
        request = f"{recorded.implementation}@{wish}{variant}"
        try:
            # Not in the checkout: a project cannot decide where Pythons come from.
            uv.call(
                "venv", "--no-project", "--clear", "--python", request, os.fspath(prefix), cwd=cwd
            )
        except UvFailed as failure:
            said = said or str(failure)
            continue
        return prefix / "bin" / "python", _notes(wish, exact, prefix)
    told = f"Python {exact} ({recorded.implementation}) is not here: {short(said)}"
    is_plain = recorded.implementation == "cpython" and not variant
    request = exact if is_plain else f"{recorded.implementation}@{exact}{variant}"
    raise CannotReproduce("environment", told, f"uv python install {request}", tells=False)


def _notes(wish: str, exact: str, prefix: Path) -> tuple[str, ...]:
    if wish == exact:
        return ()
    text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    found = re.search(r"^version_info *= *(\S+)", text, re.MULTILINE)
    return (f"Python {exact} is not here: {found[1] if found else wish} takes its place",)


def no_environment(prefix: Path) -> tuple[Path, Literal["names"], tuple[str, ...], tuple[str, ...]]:
    """For a record without a Python: an empty `bin`, and the rest of a `Rebuilt`."""
    folder = prefix / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    note = "the record knows of no Python program, so that no environment was rebuilt"
    return folder, "names", (), (note,)


def site_packages(prefix: Path) -> Path:
    """Where packages go."""
    return next(iter(sorted((prefix / "lib").glob("*/site-packages"))))
