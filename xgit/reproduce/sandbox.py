"""`--hermetic`: bubblewrap, so that a program has nothing but what the record names.

It sees the system under /usr, its interpreter and environment, the checkout, the data, and the
directory in which xgit watches it. There is no network but a loopback of its own, no home, no
other process, and no variable beside the recorded ones. What it writes outside of the checkout is
gone when it ends.
"""

from __future__ import annotations

import glob
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import xgit
from xgit.capture.environment.interpreter import find_program
from xgit.record.model import Experiment
from xgit.reproduce.environment import Rebuilt
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.uv import short

HOME = "/home/xgit"
HOST = "xgit"
_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session", "--hostname", HOST)
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
# Of /etc what the system under /usr cannot do without: the linker, and what Debian links through.
_ETC = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "OpenCL", "vulkan")
_SYS = ("/sys/devices", "/sys/bus", "/sys/fs/cgroup", "/sys/module")  # cores, caches, GPUs
_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/dxg")
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_LAUNCHERS = ("uv", "uvx")
_WATCHED = ("XGIT_SPOOL", "PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_NO_SYNC")
_FIXED = {"HOME": HOME, "USER": HOST, "LOGNAME": HOST, "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108
_TRY_SECONDS = 30
_DENIED = (
    "allow user namespaces: in a container `docker run --privileged`, or as a smaller right "
    "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`; "
    "on Ubuntu `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
)


class Sandbox(NamedTuple):
    """What every program in it sees.

    Attributes:
        program: bubblewrap.
        options: up to, and without, the variables.
        path: the PATH inside.
        variables: names of those that are let in.
    """

    program: str
    options: tuple[str, ...]
    path: str
    variables: frozenset[str]


def is_there(environ: Mapping[str, str] | None = None) -> bool:
    """Whether programs can be put into a sandbox here."""
    try:
        find_bubblewrap(os.environ if environ is None else environ)
    except CannotReproduce:
        return False
    return True


def find_bubblewrap(environ: Mapping[str, str]) -> str:
    """The program, which was tried.

    Raises:
        CannotReproduce: there is none, or the system lets nobody make a sandbox.
    """
    program = find_program("bwrap", "/", environ)
    if program is None:
        told = "bubblewrap, which --hermetic needs, is not installed (it is for Linux alone)"
        raise CannotReproduce("run", told, "sudo apt-get install bubblewrap", tells=False)
    options = (*_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    try:
        done = subprocess.run(
            [program, *options, "--", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        told = f"bubblewrap cannot be started: {error}"
        raise CannotReproduce("run", told, tells=False) from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        told = f"bubblewrap may not make a sandbox here: {short(said)}"
        raise CannotReproduce("run", told, _DENIED, tells=False)
    return program


def prepare(
    place: Path,
    rebuilt: Rebuilt,
    recorded: Experiment,
    checkout: Path,
    *,
    data: Iterable[Path] = (),
    outputs: Iterable[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> Sandbox:
    """A sandbox for the program of an experiment.

    The checkout is a throw-away clone, and may be written to, but for its `.git`: git is run there
    afterwards, outside of the sandbox.

    Args:
        place: gets the few files of `/etc` that there are inside.
        data: files and directories that the checkout leads to; not to be written to.
        outputs: further directories to write to.

    Raises:
        CannotReproduce: see `find_bubblewrap`.
    """
    environ = os.environ if environ is None else environ
    program = find_bubblewrap(environ)
    launchers = list(_launchers(recorded.command, environ))
    read_only = [
        *_interpreter(rebuilt),
        rebuilt.prefix,
        Path(xgit.__file__).parent,
        *launchers,
        *data,
    ]
    options = [
        *_NAMESPACES,
        *_system(),
        *_etc(place),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", HOME),  # noqa: S108
        *_each("--dev-bind", sorted(path for one in _DEVICES for path in glob.glob(one))),
        *_each("--ro-bind", map(os.fspath, read_only)),
        *_each("--bind", map(os.fspath, (checkout, *outputs))),
        *_each("--ro-bind", [os.fspath(checkout / ".git")] if (checkout / ".git").exists() else []),
    ]
    path = [os.fspath(rebuilt.bin), *(os.fspath(one.parent) for one in launchers), *_PATH]
    names = frozenset({*recorded.environment.variables, *_WATCHED, "TERM"})
    return Sandbox(program, tuple(options), os.pathsep.join(dict.fromkeys(path)), names)


def wrap(
    sandbox: Sandbox, argv: Sequence[str], variables: Mapping[str, str], spool: Path
) -> tuple[str, ...]:
    """The command that runs another one in the sandbox, from the same directory.

    Args:
        variables: of which only those that the sandbox lets in are seen.
        spool: where xgit watches the program.
    """
    let_in = {name: variables[name] for name in sandbox.variables if name in variables}
    seen = {**_FIXED, **let_in, "PATH": sandbox.path}
    return (
        sandbox.program,
        *sandbox.options,
        *_each("--bind", [os.fspath(spool)]),
        *("--remount-ro", "/"),
        "--clearenv",
        *(part for name in sorted(seen) for part in ("--setenv", name, seen[name])),
        "--",
        *argv,
    )


# ---------------------------------------------------------------- what is seen


def _each(option: str, paths: Iterable[str]) -> Iterator[str]:
    """The option for each path, which is the same inside."""
    for path in paths:
        yield from (option, path, path)


def _system() -> Iterator[str]:
    for path in _SYSTEM:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    yield from _each("--ro-bind-try", _SYS)


def _etc(place: Path) -> Iterator[str]:
    """An `/etc` that knows one user and one host, and of the real one what programs need."""
    folder = place / "etc"
    folder.mkdir(exist_ok=True)
    user, group = os.getuid(), os.getgid()
    files = {
        "passwd": f"{HOST}:x:{user}:{group}::{HOME}:/bin/sh\n",
        "group": f"{HOST}:x:{group}:\n",
        "hosts": f"127.0.0.1 localhost {HOST}\n::1 localhost {HOST}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
        yield from ("--ro-bind", os.fspath(folder / name), f"/etc/{name}")
    yield from _each("--ro-bind-try", (f"/etc/{name}" for name in _ETC))


def _interpreter(rebuilt: Rebuilt) -> Iterator[Path]:
    """The directories of the interpreter that the environment leads to, link by link."""
    path = os.fspath(rebuilt.python) if rebuilt.python else ""
    seen: set[str] = set()
    while os.path.islink(path) and path not in seen:
        seen.add(path)
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        prefix = Path(path).parent.parent
        if not prefix.is_relative_to(rebuilt.prefix) and not _is_system(prefix):
            yield prefix
            yield Path(os.path.realpath(prefix))


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(one) for one in _SYSTEM) or path == Path("/")


def _launchers(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Path]:
    """uv where the command starts with it: it is no part of what is to be reproduced."""
    if command and os.path.basename(command[0]) in _LAUNCHERS:
        found = find_program(command[0], "/", environ)
        if found is not None and not _is_system(Path(found)):
            yield Path(found)
            if os.path.islink(found):
                yield Path(os.path.realpath(found))
