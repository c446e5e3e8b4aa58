"""`uv pip compile`, asked for the files of exactly what is installed, in a process of its own.

That process outlives the run where uv is slower than the run, for a minute at most. It holds
neither the terminal nor a pipe, and leaves one file: the answer. `--no-deps` with every version
pinned makes uv resolve nothing, read no metadata and build nothing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from xgit.capture.environment import pip_config, pylock
from xgit.capture.environment.lock import normal_name
from xgit.record.model import Json, Package
from xgit.record.urls import mask_urls

LIMIT_SECONDS = 60.0
_KEPT_ANSWERS = 32
_GIVES_WAY = 10  # to the run, where processors are few
_OPTIONS = ("--format", "pylock.toml", "--no-deps", "--no-header", "--quiet", "--color", "never")
_BENDING = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_OUTPUT_FILE")
# An answer of "no" that is none: nobody was asked, or not as one who may know.
_NO_NETWORK = re.compile(r"network (was|is) disabled|found in the cache")
_NOT_ASKED = re.compile(rf"{_NO_NETWORK.pattern}|could not be queried")
NAMED = re.compile(r"\b([a-z0-9][a-z0-9-]*)==")
_UNSATISFIABLE = 1  # uv's exit code for a "no"; every other is trouble
_TOLD = 200

Ask = Callable[[Mapping[str, str]], str]


class Lacking(Exception):
    """An index lacks some of what was asked for; the text is what uv said."""


class NotAsked(Exception):
    """uv gave no answer: why, in words for the user."""


def start(request: int) -> None:
    """Start the process; `request` is a descriptor of its input, at its beginning."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "xgit.capture.environment.uv_program"],
        stdin=request,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Nobody waits for it: it is none of the run's, and may outlive us.
    process.returncode = 0


# ---------------------------------------------------------------- in that process


def main() -> None:
    """Read the request, ask, write the answer; the request's file is locked till then."""
    os.nice(_GIVES_WAY)
    request = json.load(sys.stdin)
    path = Path(request["answer"])
    try:
        answer = answered(request, os.environ)
    except NotAsked as error:
        answer = {"text": None, "locked": [], "problem": str(error)}
    except Exception as error:  # noqa: BLE001 - the next record tells of it
        told = f"uv's answer could not be used: {type(error).__name__}: {error}"
        answer = {"text": None, "locked": [], "problem": mask_urls(told, "")}
    with suppress(OSError):  # the repository may be gone by now
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(answer), encoding="ascii")
        aside.replace(path)
        path.with_suffix(".asking").unlink(missing_ok=True)
        _forget_the_oldest(path.parent)


def _forget_the_oldest(folder: Path) -> None:
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths[_KEPT_ANSWERS:]:
        path.unlink(missing_ok=True)


def answered(request: Mapping[str, Json], environ: Mapping[str, str]) -> dict[str, Json]:
    """The answer to a request, in the form in which it is kept.

    Raises:
        NotAsked: uv cannot be started, or could not ask; the message has no credentials.
    """
    packages = {name: Package(*one) for name, one in request["packages"].items()}
    pins = {name: one.version for name, one in packages.items() if one.source == "index"}
    mask = _mask()
    wanted = {normal_name(name): version for name, version in pins.items()}
    python, found = _from_index(request, wanted, environ)
    entries = [kept for one in found if (kept := pylock.cleaned(one, wanted, mask))]
    elsewhere = (pylock.from_elsewhere(name, one, mask) for name, one in packages.items())
    entries += [entry for entry in elsewhere if entry]
    return {
        "text": pylock.render(python, entries),
        "locked": sorted(str(one["name"]) for one in entries),
        "problem": None,
    }


def _mask() -> Callable[[str], str]:
    """Takes tokens of a known shape out of a text, where their scanner is installed."""
    from xgit.record import token_shapes

    known = token_shapes.shapes()
    return (lambda text: text) if known is None else (lambda text: known.mask_text(text, "***"))


def _from_index(
    request: Mapping[str, Json], wanted: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str | None, list[dict[str, Json]]]:
    """What uv's cache tells without a network, else what the index tells."""
    env = environment_for(Path(request["root"]), environ)
    limit = time.monotonic() + LIMIT_SECONDS

    def ask(pins: Mapping[str, str], *options: str) -> str:
        return compile_pins(request, pins, options, env, limit - time.monotonic())

    try:
        return pylock.read_entries(ask(wanted, "--offline"))
    except (NotAsked, Lacking):
        return _all_but_lacking(wanted, ask)


def environment_for(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which uv is asked: the user's, without what bends its answer."""
    env = {name: value for name, value in environ.items() if name not in _BENDING}
    return env | pip_config.uv_variables(root, environ)


def _all_but_lacking(pins: Mapping[str, str], ask: Ask) -> tuple[str | None, list[dict[str, Json]]]:
    """The entries of the pins that the index has: uv names what it lacks, one at a time.

    Where it names none of them, the halves are asked for.
    """
    rest, python, entries = dict(pins), None, []
    while rest:
        try:
            return pylock.read_entries(ask(rest))
        except Lacking as error:
            named = {name for name in NAMED.findall(str(error)) if name in rest}
        if len(rest) == 1:
            break
        if not named:
            for half in halves(rest):
                python, found = _all_but_lacking(half, ask)
                entries += found
            break
        rest = {name: version for name, version in rest.items() if name not in named}
    return python, entries


def halves(pins: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The pins in two parts."""
    items = list(pins.items())
    middle = len(items) // 2
    return dict(items[:middle]), dict(items[middle:])


def compile_pins(
    request: Mapping[str, Json],
    pins: Mapping[str, str],
    options: tuple[str, ...],
    env: Mapping[str, str],
    seconds: float,
) -> str:
    """What uv printed.

    Raises:
        Lacking: it knows that an index lacks one of them.
        NotAsked: it could not know.
    """
    lines = "".join(f"{name}=={version}\n" for name, version in pins.items())
    argv = [request["uv"], "pip", "compile", "-", "--python", request["python"]]
    try:
        done = subprocess.run(
            [*argv, *_OPTIONS, *options],
            cwd=request["root"],
            input=lines.encode(),
            capture_output=True,
            env=env,
            timeout=max(seconds, 0.0),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAsked(f"uv gave no answer in {LIMIT_SECONDS:g} s") from error
    except OSError as error:
        raise NotAsked(f"uv could not be started: {error.strerror}") from error
    if done.returncode == 0:
        return done.stdout.decode("utf-8")
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    if done.returncode == _UNSATISFIABLE and not _NOT_ASKED.search(said):
        raise Lacking(said)
    raise NotAsked(_reason(said))


def _reason(said: str) -> str:
    if "--format" in said:
        return "this uv is too old to write pylock.toml: uv self update"
    if _NO_NETWORK.search(said):
        return "uv was told to use no network, and its cache lacks some of the packages"
    told = mask_urls(said.removeprefix("error: "), "")[:_TOLD]
    return f"uv could not ask the index: {told or 'it said nothing'}"


if __name__ == "__main__":
    main()
