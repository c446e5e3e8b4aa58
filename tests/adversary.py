"""Drive xgit as a process where something is wrong, and see that it did no harm and told well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import Project
from tests.untouched import everything, is_sound

XGIT = (sys.executable, "-m", "xgit")


def xgit(
    project: Project,
    *args: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    unset: tuple[str, ...] = (),
    fsck: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run xgit, and hold it to what must be so in every case.

    Args:
        unset: variables that its environment shall not have.
        fsck: whether to look into every object, which takes a second where one is very large.
    """
    before = everything(project)
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [*XGIT, *args],
        cwd=cwd or project.root,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=environ | (env or {}),
        check=False,
    )
    assert_no_bug(done.stderr)
    assert everything(project) == before
    assert not fsck or is_sound(project)
    return done


def assert_no_bug(said: str) -> None:
    """Neither a traceback of xgit's nor a confession of one; those of the program may be there."""
    assert "bug in xgit" not in said, said
    tracebacks = re.findall(r"(?m)^Traceback .*\n(?:[ \t].*\n)+", said)
    assert not any("/xgit/" in one for one in tracebacks), said


def run(project: Project, *args: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """`xgit exp run …`"""
    return xgit(project, "exp", "run", *args, **how)


def assert_error(
    done: subprocess.CompletedProcess[str], code: int, said: str, hint: str | None = None
) -> None:
    """It ended with `code` and one line `error:`, and with one line `hint:` where there is one."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    errors = [line for line in lines if line.startswith("error: ")]
    hints = [line for line in lines if line.startswith("hint: ")]
    assert len(errors) == 1, done.stderr
    assert said in errors[0]
    if hint is None:
        assert len(hints) <= 1, done.stderr
    else:
        assert len(hints) == 1, done.stderr
        assert hint in hints[0]


def hint_of(done: subprocess.CompletedProcess[str]) -> str:
    """What stands behind `hint:`."""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
    return line.removeprefix("hint: ")


def shell(project: Project, command: str) -> None:
    """Paste a command into `sh`; it must succeed."""
    done = subprocess.run(
        ["sh", "-c", command], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def tags(project: Project) -> list[str]:
    """The experiments there are."""
    return project.git("tag", "--list", "experiment/*").splitlines()


def nothing_left(project: Project) -> bool:
    """No experiment, no run under way, no pack that is kept for one."""
    git_dir = project.root / project.git("rev-parse", "--git-common-dir")
    runs = git_dir / "xgit/runs"
    kept = list((git_dir / "objects/pack").glob("*.keep"))
    return not tags(project) and not kept and (not runs.is_dir() or not os.listdir(runs))


def record(project: Project, tag: str | None = None) -> dict[str, Any]:
    """The record.json of an experiment, of the only one where none is named."""
    (only,) = [tag] if tag else tags(project)
    done = subprocess.run(
        ["git", "show", f"{only}:.xgit/record.json"],
        cwd=project.root,
        capture_output=True,
        check=True,
    )
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def kept_log(project: Project, tag: str | None = None) -> bytes:
    """The log.txt of an experiment."""
    (only,) = [tag] if tag else tags(project)
    return subprocess.run(
        ["git", "show", f"{only}:.xgit/log.txt"], cwd=project.root, capture_output=True, check=True
    ).stdout
