"""The project's own Python, which has its Hydra; asked by one process that is waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

TIMEOUT_SECONDS = 60
COMPOSE_SECONDS = 50
"""After these no further config is begun, so that what was found by then is told."""
SCRIPT = Path(__file__).with_name("compose_script.py")
_OWN_FOLDERS = (".venv", "venv")


class NotAsked(Exception):
    """The project's Python gave no answer: why, in words that follow `because`."""


def find_python(root: str, environ: Mapping[str, str], is_tracked: Mapping[str, bool]) -> str:
    """The Python of the project: of its own environment, else of the active one, else of PATH.

    Args:
        is_tracked: whether git tracks it, for each of `candidates(root)`; those are not run.

    Raises:
        NotAsked: there is none.
    """
    for path in candidates(root):
        if os.path.lexists(path) and not is_tracked.get(path, False):
            return path
    # pre-commit and prek make the environment of the hook the active one: that is not the project's
    hook = os.path.realpath(sys.prefix) if "PRE_COMMIT" in environ else None
    for folder in _active_folders(environ):
        if hook is not None and os.path.realpath(os.path.dirname(folder)) == hook:
            continue
        for name in ("python3", "python"):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    raise NotAsked("there is no Python: neither .venv, nor an active environment, nor on PATH")


def candidates(root: str) -> tuple[str, ...]:
    """Where the environment of a project usually has its Python."""
    return tuple(os.path.join(root, folder, "bin", "python") for folder in _OWN_FOLDERS)


def _active_folders(environ: Mapping[str, str]) -> Iterator[str]:
    if environ.get("VIRTUAL_ENV"):
        yield os.path.join(environ["VIRTUAL_ENV"], "bin")
    yield from filter(os.path.isabs, environ.get("PATH", os.defpath).split(os.pathsep))


def ask_python(python: str, request: Mapping[str, Any], root: str) -> dict[str, Any]:
    """The answer of `compose_script.py`, see there.

    Raises:
        NotAsked: the process cannot be started, fails, or takes too long.
    """
    # Files, not pipes: what a library starts and leaves behind must not keep us waiting.
    with TemporaryFile() as question, TemporaryFile() as reply, TemporaryFile() as said:
        question.write(json.dumps(request).encode())
        question.seek(0)
        try:
            process = subprocess.Popen(
                [python, "-E", "-B", os.fspath(SCRIPT)],
                cwd=root,
                stdin=question,
                stdout=reply,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise NotAsked(f"{python} cannot be started: {error.strerror}") from error
        code = _wait(process, python)
        reply.seek(0)
        try:
            answer: dict[str, Any] = json.loads(reply.read())
        except ValueError as error:
            raise NotAsked(f"{python} failed: {_last_line(said) or f'exit code {code}'}") from error
        return answer


def _wait(process: subprocess.Popen[bytes], python: str) -> int:
    """Its exit code; it is gone afterwards, with all that it started, whatever happens."""
    try:
        return process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotAsked(f"{python} gave no answer in {TIMEOUT_SECONDS} s") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _last_line(said: Any) -> str:
    said.seek(0)
    lines: list[str] = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
