"""The project's own `dvc` program, which knows how to reach its remotes.

`dvc status --cloud` would be the shorter question, but it takes a directory for pushed as soon
as its listing is, and leaves out what is neither here nor there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xgit.record.model import Pin, Trouble

TIMEOUT_SECONDS = 600
_TARGETS = 200  # with more of them the whole repository is asked about
_QUESTION = ("data", "status", "--not-in-remote", "--granular", "--json")
_MISSING_PLUGIN = re.compile(r"'dvc-(\w+)' to be installed")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def what_is_missing(home: Path, remote: str, pins: Sequence[Pin]) -> Mapping[str, bool | Trouble]:
    """Whether a remote has each pin, by the path of the pin, or why that could not be told.

    Args:
        home: the directory of the DVC repository.
        pins: all of this repository, and none that names another remote.
    """
    targets = {_within(pin): pin for pin in pins}
    try:
        missing = _not_in_remote(home, remote, list(targets))
    except _Failed as failure:
        reason = f"DVC remote {remote} could not be asked: {failure.reason}"
        return dict.fromkeys((pin.path for pin in pins), Trouble(reason, failure.remedy))
    return {
        pin.path: not any(f"{path}/".startswith(f"{target}/") for path in missing)
        for target, pin in targets.items()
    }


def _within(pin: Pin) -> str:
    """The path of the pin as its DVC repository has it."""
    return pin.path.removeprefix(f"{pin.home}/") if pin.home else pin.path


class _Failed(Exception):
    """The program could not be asked."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def _not_in_remote(home: Path, remote: str, targets: Sequence[str]) -> list[str]:
    """Paths of pinned files and directories that the remote lacks.

    Raises:
        _Failed: there is no such program, or it failed.
    """
    program = _find_program()
    if program is None:
        raise _Failed("dvc is not installed", "pip install dvc")
    again = shlex.join(["dvc", "--cd", str(home), *_QUESTION[:3], "-r", remote])
    named = ("--", *targets) if len(targets) <= _TARGETS else ()
    try:
        done = subprocess.run(
            [program, *_QUESTION, "-r", remote, *named],
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"DVC_NO_ANALYTICS": "1"},
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise _Failed(f"{program}: {error.strerror}", "pip install dvc") from error
    except subprocess.TimeoutExpired as error:
        raise _Failed(f"no answer in {TIMEOUT_SECONDS} s", again) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise _Failed(_reason(said), _remedy(said) or again)
    return _parse(done.stdout, again)


def _find_program() -> str | None:
    beside = os.path.dirname(sys.executable)
    return shutil.which("dvc") or shutil.which("dvc", path=beside)


def _parse(answer: bytes, again: str) -> list[str]:
    try:
        status = json.loads(answer or b"{}")
        return [str(path) for path in status.get("not_in_remote", ())]
    except (ValueError, AttributeError, TypeError) as error:
        raise _Failed("its answer is not JSON", again) from error


def _reason(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    lines = errors or said.split("\n\n", maxsplit=1)[0].splitlines() or ["dvc failed"]
    last = lines[-1].removeprefix("ERROR: ").removeprefix("unexpected error - ")
    return _CREDENTIALS.sub("", last)


def _remedy(said: str) -> str | None:
    plugin = _MISSING_PLUGIN.search(said)
    return f"pip install 'dvc[{plugin[1]}]'" if plugin else None
