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
from tempfile import TemporaryDirectory

from xgit.capture.data.dvc_config import DvcConfig
from xgit.record.model import Pin, Trouble

TIMEOUT_SECONDS = 600
_QUESTION = ("data", "status", "--not-in-remote", "--granular", "--json")
_MISSING_PLUGIN = re.compile(r"'dvc-(\w+)' to be installed")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def ask_dvc(
    home: Path, config: DvcConfig, remote: str, pins: Sequence[Pin]
) -> Mapping[str, bool | Trouble]:
    """Whether a remote has each pin, by the path of the pin, or why that could not be told.

    Args:
        home: the directory of the DVC repository.
        pins: all of this repository, and none that names another remote.
    """
    try:
        # Not in the user's own repository: there DVC would refresh git's index, and hash the data.
        with TemporaryDirectory(prefix="xgit-dvc-") as scratch:
            lay_out(Path(scratch), home, config, pins)
            missing = _not_in_remote(Path(scratch), home, remote)
    except Failed as failure:
        reason = f"DVC remote {remote} could not be asked: {failure.reason}"
        return dict.fromkeys((pin.path for pin in pins), Trouble(reason, failure.remedy))
    return {
        pin.path: not any(f"{path}/".startswith(f"{_within(pin, pin.path)}/") for path in missing)
        for pin in pins
    }


class Failed(Exception):
    """The program is not there, or it failed: why, and what to type."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def _within(pin: Pin, path: str) -> str:
    """A path of the pin as its DVC repository has it."""
    return path.removeprefix(f"{pin.home}/") if pin.home else path


# ---------------------------------------------------------------- the scratch repository


def lay_out(scratch: Path, home: Path, config: DvcConfig, pins: Sequence[Pin]) -> None:
    """Make a DVC repository without git that has the pins, the remotes and the cache.

    Args:
        home: where the `.dvc` files of the pins are; outputs of stages get one of their own.
    """
    (scratch / ".dvc").mkdir(parents=True)
    default = next((remote.name for remote in config.remotes), None)
    sections = {
        "core": {"no_scm": "true"} | ({"remote": default} if default else {}),
        "cache": {"dir": config.cache_dir},
        **{f"'remote \"{name}\"'": options for name, options in config.options.items()},
    }
    lines = [
        f"[{name}]\n" + "".join(f"{key} = {_quoted(value)}\n" for key, value in options.items())
        for name, options in sections.items()
    ]
    (scratch / ".dvc" / "config").write_text("".join(lines), encoding="utf-8")
    for pin in pins:
        source = _within(pin, pin.source)
        if source.endswith(".dvc"):
            target = scratch / source
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / source, target)
        else:
            _write_pin(scratch / f"{_within(pin, pin.path)}.dvc", pin)


def _quoted(value: str) -> str:
    mark = next((mark for mark in ('"', "'", "'''") if mark not in value), '"""')
    return f"{mark}{value}{mark}"


def _write_pin(file: Path, pin: Pin) -> None:
    """The output of a stage as a pin of its own: its stage may need what is not laid out."""
    algorithm, _, digest = pin.hash.partition(":")
    out = {algorithm: digest, "path": os.path.basename(pin.path)}
    if not pin.legacy:
        out["hash"] = algorithm
    if pin.remote:
        out["remote"] = pin.remote
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"outs": [out]}), encoding="utf-8")


# ---------------------------------------------------------------- the question


def _not_in_remote(scratch: Path, home: Path, remote: str) -> list[str]:
    """Paths of pinned files and directories that the remote lacks.

    Raises:
        Failed: there is no such program, or it failed.
    """
    again = shlex.join(["dvc", "--cd", str(home), *_QUESTION[:3], "-r", remote])
    return _parse(run_dvc(scratch, *_QUESTION, "-r", remote, again=again), again)


def run_dvc(
    scratch: Path,
    *arguments: str,
    again: str,
    shown: bool = False,
    timeout_seconds: float | None = TIMEOUT_SECONDS,
) -> bytes:
    """What DVC printed, run in a repository that was laid out for it.

    Args:
        again: what the user could type to see for themselves.
        shown: let its progress be seen on stderr; then it may also take as long as it takes.
        timeout_seconds: how long it may take otherwise; None for as long as it takes.

    Raises:
        Failed: there is no such program, or it failed.
    """
    program = find_program()
    if program is None:
        raise Failed("dvc is not installed", "pip install dvc")
    quiet = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(scratch / ".dvc" / "site")}
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            env=os.environ | quiet,
            timeout=None if shown else timeout_seconds,
            check=False,
        )
    except OSError as error:
        raise Failed(f"{program}: {error.strerror}", "pip install dvc") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"no answer in {timeout_seconds:.0f} s", again) from error
    if done.returncode:
        said = (done.stderr or b"").decode(errors="replace")
        raise Failed(_reason(said), _remedy(said) or again)
    return done.stdout


def find_program() -> str | None:
    """The `dvc` on PATH, else the one beside the interpreter that runs xgit."""
    beside = os.path.dirname(sys.executable)
    return shutil.which("dvc") or shutil.which("dvc", path=beside)


def _parse(answer: bytes, again: str) -> list[str]:
    try:
        status = json.loads(answer or b"{}")
        return [str(path) for path in status.get("not_in_remote", ())]
    except (ValueError, AttributeError, TypeError) as error:
        raise Failed("its answer is not JSON", again) from error


def _reason(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    lines = errors or said.split("\n\n", maxsplit=1)[0].splitlines() or ["dvc failed"]
    # The last line counts the failures; what failed, and why, stands above it.
    told = next((line for line in errors if "[Errno " in line), lines[-1])
    plain = told.removeprefix("ERROR: ").removeprefix("unexpected error - ")
    return _CREDENTIALS.sub("", plain)


def _remedy(said: str) -> str | None:
    plugin = _MISSING_PLUGIN.search(said)
    return f"pip install 'dvc[{plugin[1]}]'" if plugin else None
