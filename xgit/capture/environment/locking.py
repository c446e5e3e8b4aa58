"""How the environment of a run could be installed again: its `pylock.toml`, kept by fingerprint.

uv asks the index for the files of what is installed, in a process of its own that no run waits
for (see `uv_program`). Its answer lies in `.git/xgit/pylock/<fingerprint>.json`, so that the next
run in the same environment has it at once; a run that is over sooner says what it lacks.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from xgit.capture.environment import pylock, uv_program
from xgit.capture.environment.interpreter import find_program
from xgit.capture.environment.lock import LOCK_FILES, normal_name
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record.model import Environment, EnvironmentLock

FILE_NAME = "pylock.toml"
VARIABLE = "XGIT_UV"
NOT_YET = "uv had not answered when the run ended; the next run in this environment will have it"
NO_UV = "uv is not installed: pip install uv"
SWITCHED_OFF = "XGIT_UV is empty, so that no uv was asked"
NO_PYTHON = "the program's interpreter is not there any more"
_FORM = 1  # of the fingerprint, and of what is kept under it
_LETTERS = 32
_AGAIN_SECONDS = {"failure": 60.0, "gap": 3600.0}
_REQUIREMENTS_BYTES = 4 * 1024 * 1024


class LockPlace(NamedTuple):
    """Where answers are kept, and where uv is asked.

    Attributes:
        directory: of the answers.
        root: of the repository: uv reads the project's settings there.
        environ: in which uv is looked for.
    """

    directory: Path
    root: Path
    environ: Mapping[str, str]


class Answer(NamedTuple):
    """What uv found; `text` is None where it could not be asked, and `problem` says why.

    Attributes:
        locked: normal names of the packages in `text`.
    """

    text: str | None
    locked: frozenset[str]
    problem: str | None
    age_seconds: float


def lock_place(repo: Repo, environ: Mapping[str, str]) -> LockPlace:
    """The place of a repository."""
    return LockPlace(repo.private_dir / "pylock", repo.root or repo.git_dir, environ)


def fingerprint_of(env: Environment) -> str:
    """The same for the same interpreter, kind of machine, and packages with their sources."""
    from hashlib import sha256

    system = os.uname()
    python = env.python
    facts = [
        _FORM,
        [python.version, python.implementation, python.build] if python else None,
        [sys.platform, system.machine, env.platform.rpartition(", ")[2]],
        sorted([normal_name(name), *package] for name, package in env.packages.items()),
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()[:_LETTERS]


# ---------------------------------------------------------------- what is known


def with_lock(env: Environment, place: LockPlace) -> tuple[Environment, str | None]:
    """The environment with what is known of its lock, and the text of `pylock.toml`.

    Nothing is waited for: where there is no answer yet, the lock says so, and uv is asked for the
    next run.
    """
    if env.python is None:
        return env._replace(lock=None), None
    mark = fingerprint_of(env)
    project = env.lock.project if env.lock else None
    answer = _read_answer(place.directory / f"{mark}.json")
    if answer is None or answer.text is None:
        problem = ask(env, place) or (answer.problem if answer else None) or NOT_YET
        return env._replace(lock=EnvironmentLock(mark, None, (), problem, project)), None
    gaps = pylock.missing(answer.locked, env.packages, os.fspath(place.root))
    return env._replace(lock=EnvironmentLock(mark, "uv", gaps, None, project)), answer.text


def _read_answer(path: Path) -> Answer | None:
    """The answer that is kept, or None where there is none that can be read."""
    try:
        age = time.time() - path.stat().st_mtime
        kept = json.loads(path.read_bytes())
        text, problem = kept["text"], kept["problem"]
        return Answer(text and str(text), frozenset(kept["locked"]), problem, age)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not asked yet, or cut short by a power failure: it is asked anew


# ---------------------------------------------------------------- asking


def ask(env: Environment, place: LockPlace) -> str | None:
    """Ask uv in the background, unless an answer is kept or under way; why it cannot be asked."""
    if env.python is None:
        return None
    mark = fingerprint_of(env)
    answer = _read_answer(place.directory / f"{mark}.json")
    if answer is not None and _is_fresh(answer, env):
        return None
    uv = find_uv(env.python.prefix, place)
    if uv is None:
        return why_no_uv(place.environ.get(VARIABLE))
    if not os.path.isfile(env.python.executable):
        return NO_PYTHON
    request = {
        "uv": uv,
        "python": env.python.executable,
        "root": os.fspath(place.root),
        "packages": {name: list(package) for name, package in env.packages.items()},
        "answer": os.fspath(place.directory / f"{mark}.json"),
    }
    try:
        _start(place.directory / f"{mark}.asking", request)
    except OSError as error:
        return f"uv could not be asked: {error.strerror}"
    return None


def _is_fresh(answer: Answer, env: Environment) -> bool:
    """Whether it need not be asked again; what an index lacked yesterday it may have today."""
    if answer.text is None:
        return answer.age_seconds < _AGAIN_SECONDS["failure"]
    wanted = {normal_name(name) for name, one in env.packages.items() if one.source == "index"}
    return wanted <= answer.locked or answer.age_seconds < _AGAIN_SECONDS["gap"]


def find_uv(prefix: str, place: LockPlace) -> str | None:
    """The uv that the user named, that PATH has, or that lies beside a Python."""
    named = place.environ.get(VARIABLE)
    root = os.fspath(place.root)
    if named is not None:
        return find_program(named, root, place.environ) if named else None
    beside = (os.path.join(prefix, "bin"), os.path.dirname(sys.executable))
    return find_program("uv", root, place.environ) or find_program(
        "uv", root, {"PATH": os.pathsep.join(beside)}
    )


def why_no_uv(named: str | None) -> str:
    """Why none was found; `named` is the value of `XGIT_UV`, or None where it is not set."""
    if named is None:
        return NO_UV
    return f"{VARIABLE} names no program: {named}" if named else SWITCHED_OFF


def _start(path: Path, request: Mapping[str, object]) -> None:
    """Start the process that asks, with the request as its input.

    The file of the request is locked as long as that process lives: one environment is asked for
    once, however many runs start.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(request).encode(), 0)
            uv_program.start(handle)
    finally:
        os.close(handle)


# ---------------------------------------------------------------- the project's own


def project_lock(repo: Repo, commit: str) -> str | None:
    """The lock file at the top of a commit, by which the project itself is installed, or None."""
    names = [f"{commit}:{name}" for name in LOCK_FILES]
    found = git_objects.object_names(repo, names)
    for name, oid in zip(LOCK_FILES, found, strict=True):
        if oid is not None and (name != "requirements.txt" or _has_hashes(repo, oid)):
            return name
    return None


def _has_hashes(repo: Repo, oid: str) -> bool:
    (content,) = git_objects.read_objects(repo, [oid], limit_bytes=_REQUIREMENTS_BYTES)
    return isinstance(content, bytes) and b"--hash=sha256:" in content
