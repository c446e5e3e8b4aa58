"""A repository, its configuration, and the one way in which git is asked.

Internal calls do not depend on the user's configuration and run none of the code that a hostile
one names: hooks, fsmonitor, external diffs, and content filters of the repository's own config.
Nothing here writes to the user's index or work tree (`GIT_OPTIONAL_LOCKS=0`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from xgit.errors import XgitError

SAFE_OPTIONS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=false"),
    *("-c", "core.pager=cat"),
    *("-c", "color.ui=false"),
    *("-c", "gc.auto=0"),
    *("-c", "log.showSignature=false"),
    *("-c", "submodule.recurse=false"),
)
SAFE_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_BENDING = {  # variables that would make git mean something else by what it is asked here
    "GIT_CONFIG",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
}
TIMED_OUT = 124  # as timeout(1) has it
_TOLD = 3  # how much of what git complains of is passed on
_LFS_COMMANDS = {
    "git-lfs clean -- %f",
    "git-lfs filter-process",
    "git-lfs filter-process --skip",
    "git-lfs smudge -- %f",
    "git-lfs smudge --skip -- %f",
}


class GitError(XgitError):
    """A git command that failed; `stderr` is what it said."""

    def __init__(self, args: Sequence[str], code: int, stderr: str) -> None:
        lines = stderr.strip().splitlines() or [f"exit code {code}"]
        grave = [line for line in lines if line.startswith(("error: ", "fatal: "))][-_TOLD:]
        said = "; ".join(line.partition(": ")[2] for line in grave) or lines[-1]
        rest = iter(args)
        command = next((word for word in rest if word != "-c" or not next(rest)), "")
        super().__init__(f"git {command} failed: {said}")
        self.code = code
        self.stderr = stderr


class NoRepository(XgitError):
    """There is no repository where one was looked for."""


class _Opened(NamedTuple):
    """What `git rev-parse` tells of a repository; `places` are git's variables made absolute."""

    root: Path | None
    git_dir: Path
    common_dir: Path
    object_format: str = "sha1"
    shallow: bool = False
    places: Mapping[str, str] = MappingProxyType({})


class Repo(_Opened):
    """A git repository, opened once and passed to every function here.

    Attributes:
        root: the top of the work tree, or None in a bare repository.
        git_dir: this work tree's own git directory.
        common_dir: the git directory that all linked work trees share.
        object_format: `sha1` or `sha256`.
    """

    @property
    def zero(self) -> str:
        """The id that stands for no object."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    @property
    def work_tree(self) -> Path:
        """The top of the work tree.

        Raises:
            XgitError: the repository is bare.
        """
        if self.root is None:
            raise XgitError(
                f"{self.git_dir} is a bare repository, and this needs a work tree",
                f"git clone {shlex.quote(str(self.git_dir))}",
            )
        return self.root

    @property
    def private_dir(self) -> Path:
        """`.git/xgit`, which git never shares."""
        return self.common_dir / "xgit"

    @cached_property
    def config(self) -> Config:
        """All configuration in force, read once; content filters it names locally are disarmed."""
        config = _read_config(self)
        self._options.extend(config.disarming)
        return config

    @cached_property
    def _options(self) -> list[str]:
        """What git is told beside `SAFE_OPTIONS`, once the configuration was read."""
        return []


class Config(NamedTuple):
    """Git's configuration: the last value of each key, keys as git prints them."""

    values: Mapping[str, str]
    disarming: tuple[str, ...] = ()

    def get(self, key: str) -> str | None:
        """The value of `key`, its section and name in lower case, or None."""
        return self.values.get(key)

    def is_true(self, key: str) -> bool:
        """Whether `key` is set to something git reads as true."""
        return (self.get(key) or "false").lower() in ("true", "yes", "on", "1")

    @property
    def remotes(self) -> tuple[str, ...]:
        """Names of the configured remotes, in the order of the file."""
        names = (
            key.removeprefix("remote.").removesuffix(".url")
            for key in self.values
            if key.startswith("remote.") and key.endswith(".url")
        )
        return tuple(dict.fromkeys(names))


def open_repo(path: Path) -> Repo:
    """The repository that `path` lies in.

    Raises:
        XgitError: there is none, git is missing, or git refuses to open it.
    """
    fixed = ["--is-bare-repository", "--is-inside-work-tree", "--is-shallow-repository"]
    arguments = [*fixed, "--show-object-format", "--show-cdup", "--absolute-git-dir"]
    done = _run(["git", *SAFE_OPTIONS, "rev-parse", *arguments], cwd=path)
    if done.returncode:
        raise _cannot_open(path, done.stderr.decode(errors="replace"))
    # The paths come last: they alone may hold a newline.
    bare, inside, shallow, object_format, rest = os.fsdecode(done.stdout).split("\n", 4)
    root = None
    if inside == "true":
        up, _, rest = rest.partition("\n")
        root = Path(os.path.realpath(path / up))
    own = Path(rest.removeprefix("\n").removesuffix("\n"))
    if root is None and bare != "true":
        raise XgitError(f"{path} lies inside a git directory", f"cd {shlex.quote(str(own.parent))}")
    common = common_dir_of(own)
    # As in a git hook, these may be set, and relative to where we are now: git runs elsewhere.
    places = {"GIT_DIR": own, "GIT_WORK_TREE": root, "GIT_COMMON_DIR": common}
    absolute = {name: str(place) for name, place in places.items() if place and name in os.environ}
    return Repo(root, own, common, object_format, shallow == "true", absolute)


def common_dir_of(git_dir: Path) -> Path:
    """The git directory that this one shares with all linked work trees: itself, if it is alone."""
    try:
        written = os.fsdecode((git_dir / "commondir").read_bytes()).removesuffix("\n")
    except FileNotFoundError:
        return git_dir
    return Path(os.path.realpath(git_dir / written))


def _cannot_open(path: Path, said: str) -> XgitError:
    if "dubious ownership" in said:
        return XgitError(
            f"git refuses {path}: the repository belongs to another user",
            f"git config --global --add safe.directory {shlex.quote(str(path))}",
        )
    if "not a git repository" in said and "GIT_DIR" in os.environ:
        told = f"GIT_DIR is set to {os.environ['GIT_DIR']}, which is not a git repository"
        return XgitError(told, "unset GIT_DIR")
    if "not a git repository" in said:
        return NoRepository(f"{path} is not in a git repository", "git init")
    return GitError(["rev-parse"], 128, said)


def _run(
    argv: Sequence[str],
    *,
    cwd: Path,
    data: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv,
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**_environment(), **(env or {})},
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"fatal: no answer within {timeout_seconds:g} seconds"
        return subprocess.CompletedProcess(argv, TIMED_OUT, b"", said.encode())
    except FileNotFoundError as error:
        if not Path(cwd).is_dir():
            raise XgitError(f"{cwd} is not a directory") from error
        raise XgitError("git is not installed", "install git 2.30 or newer") from error


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _BENDING}
    return {**inherited, **SAFE_ENVIRONMENT}


def git_done(
    repo: Repo,
    *args: str,
    data: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git in the repository and return how it ended, whatever that was.

    Args:
        timeout_seconds: after which it is killed and has ended with `TIMED_OUT`.
    """
    argv = ["git", *SAFE_OPTIONS, *repo._options, *args]
    env = {**repo.places, **(env or {})}
    cwd = repo.root or repo.git_dir
    return _run(argv, cwd=cwd, data=data, env=env, timeout_seconds=timeout_seconds)


def git_bytes(
    repo: Repo, *args: str, data: bytes | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """What git printed.

    Raises:
        GitError: it failed.
    """
    done = git_done(repo, *args, data=data, env=env)
    if done.returncode:
        raise GitError(args, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def git_line(
    repo: Repo, *args: str, data: bytes | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The one line git printed, without its newline; empty when it printed none."""
    return os.fsdecode(git_bytes(repo, *args, data=data, env=env)).removesuffix("\n")


def git_fields(repo: Repo, *args: str) -> list[str]:
    """The NUL-separated fields git printed (the command must have its `-z`)."""
    return [item for item in os.fsdecode(git_bytes(repo, *args)).split("\0") if item]


def git_success(repo: Repo, *args: str) -> bool:
    """Whether git ended with 0."""
    return git_done(repo, *args).returncode == 0


# ---------------------------------------------------------------- config and identity


def _read_config(repo: Repo) -> Config:
    values: dict[str, str] = {}
    local_filters: dict[str, str] = {}
    fields = git_fields(repo, "config", "--list", "-z", "--show-scope")
    for scope, entry in zip(fields[::2], fields[1::2], strict=True):
        key, given, value = entry.partition("\n")
        values[key] = value if given else "true"
        if key.startswith("filter.") and scope in ("local", "worktree"):
            local_filters[key] = value
    return Config(values, tuple(_disarm(local_filters)))


def _disarm(filters: Mapping[str, str]) -> Iterator[str]:
    """Options that switch off the filter commands a repository's own config brings along."""
    for key, value in filters.items():
        if key.endswith((".clean", ".smudge", ".process")) and value not in _LFS_COMMANDS:
            yield from ("-c", f"{key}=")
            yield from ("-c", f"{key.rpartition('.')[0]}.required=false")


def identity_line(repo: Repo) -> str:
    """`Name <email> seconds zone` as git would write it for a commit made now.

    Raises:
        XgitError: git knows no name or no email.
    """
    done = git_done(repo, "var", "GIT_COMMITTER_IDENT")
    if done.returncode:
        raise XgitError(
            "git does not know who you are, and an experiment has an author",
            'git config --global user.name "Your Name" && '
            "git config --global user.email you@example.com",
        )
    return os.fsdecode(done.stdout).removesuffix("\n")


def identity_now(line: str) -> str:
    """The identity line with the time of this moment, unless the user has set a time."""
    if "GIT_COMMITTER_DATE" in os.environ:
        return line
    who, _, zone = line.rsplit(" ", 2)
    return f"{who} {int(time.time())} {zone}"
