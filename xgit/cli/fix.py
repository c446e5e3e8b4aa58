"""`xgit check --fix`: run the remedies that can do no harm, after asking."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from xgit.errors import XgitError
from xgit.record.model import GuardResult
from xgit.run.execute import call

SAFE = (("git", "add"), ("git", "push"), ("dvc", "add"), ("dvc", "push"))
"""How a remedy begins that only adds: nothing is overwritten, nothing is taken away."""
_SHELL = set("$`;&|<>(){}*?~#\n")


def safe_remedies(results: Iterable[GuardResult]) -> list[str]:
    """The remedies that may be run, each once, in the order of the violations."""
    remedies = (found.remedy for one in results for found in one.violations)
    return list(dict.fromkeys(remedy for remedy in remedies if _is_safe(remedy)))


def _is_safe(remedy: str) -> bool:
    try:
        words = shlex.split(remedy)
    except ValueError:
        return False
    return tuple(words[:2]) in SAFE and not any(_SHELL & set(word) for word in words)


def run_remedies(remedies: list[str], root: Path, *, yes: bool) -> bool:
    """Show the commands, ask, and run them at the top of the repository.

    Returns:
        Whether they were run.

    Raises:
        XgitError: one of them failed, or there is no terminal to ask at.
    """
    for line in remedies:
        click.echo(f"  {line}", err=True)
    if not yes and not _agreed():
        return False
    for line in remedies:
        code = call(shlex.split(line), cwd=root, env=os.environ, stdout=2)
        if code:
            raise XgitError(f"{line!r} ended with {code}", f"cd {root} && {line}")
    return True


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise XgitError("there is no terminal to ask at", "xgit check --fix --yes")
    return click.confirm("run these?", err=True)
