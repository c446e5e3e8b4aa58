"""Which of the texts a run is told are data that is there: no environment, program, or output."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from xgit.capture.mentions import Mention

_SYSTEM = (
    *(
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib32",
        "/lib64",
        "/nix",
        "/proc",
        "/run",
        "/sbin",
    ),
    *("/snap", "/sys", "/usr", "/Applications", "/Library", "/System", "/opt/homebrew"),
)
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
_PROGRAM = (b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_WRITTEN = {
    *("out", "output", "outputs", "log", "logs", "run", "runs", "multirun", "result", "results"),
    *("checkpoint", "checkpoints", "ckpt", "ckpts", "cache", "artifacts", "plots", "figures"),
    *("wandb", "mlruns", "tensorboard", "tb_logs", "lightning_logs", "reports", "predictions"),
    *("work_dirs", "__pycache__", "node_modules", "site-packages", "dist-packages", "venv"),
}
_REPORTS = ("log", "metric", "out", "pred", "result", "submission")
"""How a word in the name of a file begins that a run writes to tell what came of it."""
_LEFT = (".pyc", ".pyo", ".log", ".lock", ".so", ".o", ".pyd", ".egg-info", ".swp", ".tmp", "~")


class Place(NamedTuple):
    """A file or directory that a mention names.

    Attributes:
        path: absolute, as it was named.
        real: the same with symlinks followed.
    """

    path: str
    real: str
    mention: Mention
    is_directory: bool


def find_place(mention: Mention, cwd: str, root: str) -> Place | None:
    """What the mention names, by `cwd` or else by `root`, if that may be data of the run."""
    if mention.role == "output":
        return None
    path = _existing(mention, cwd, root)
    if path is None:
        return None
    real = os.path.realpath(path)
    mode = os.stat(real).st_mode
    is_directory = stat.S_ISDIR(mode)
    if not (is_directory or stat.S_ISREG(mode)) or not _may_be_data(real, cwd, root):
        return None
    if not is_directory and _is_program(real, mode):
        return None
    if mention.role == "unknown" and _is_written(path, root, is_directory=is_directory):
        return None
    return Place(path, real, mention, is_directory)


def _existing(mention: Mention, cwd: str, root: str) -> str | None:
    text = os.path.expanduser(mention.text) if mention.text.startswith("~/") else mention.text
    plain = os.sep not in text and not os.path.splitext(text)[1]
    for base in dict.fromkeys((cwd, root)):
        path = os.path.normpath(os.path.join(base, text))
        # A word alone is mostly a name: of a model, of a subcommand.
        if os.path.isfile(path) or (not (plain and not mention.is_place) and os.path.isdir(path)):
            return path
    return None


def _may_be_data(real: str, cwd: str, root: str) -> bool:
    if is_in(root, real) or real == os.path.realpath(cwd):
        return False
    if is_in(real, root):
        own = real[len(root) :].split(os.sep)[1]
        return own not in (".git", ".dvc") and not _in_environment(real, root)
    whole = {os.path.realpath(one) for one in (os.path.expanduser("~"), tempfile.gettempdir())}
    if real in whole | {"/tmp", "/var/tmp"} or is_in(real, *_SYSTEM):  # noqa: S108 - never data
        return False
    return not _in_environment(real, "/")


def is_in(path: str, *folders: str) -> bool:
    """Whether the path is one of the folders, or lies in one."""
    return any(path == one or path.startswith(f"{one.rstrip(os.sep)}{os.sep}") for one in folders)


def _in_environment(path: str, top: str) -> bool:
    """Whether the path belongs to a Python environment below `top`."""
    while path != top and path != os.path.dirname(path):
        if any(os.path.exists(os.path.join(path, mark)) for mark in _ENVIRONMENT):
            return True
        path = os.path.dirname(path)
    return False


def _is_program(path: str, mode: int) -> bool:
    """Whether it can be run; the mode alone tells little where a whole disk is mode 777."""
    if not mode & stat.S_IXUSR:
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4).startswith(_PROGRAM)
    except PermissionError:  # then the run cannot read it either
        return True


def _is_written(path: str, root: str, *, is_directory: bool) -> bool:
    """Whether the file, or a directory in the path, has the name of one that runs write to."""
    own = os.path.relpath(path, root) if is_in(path, root) else path
    stem = os.path.splitext(os.path.basename(own))[0].lower()
    if not is_directory and any(word.startswith(_REPORTS) for word in re.split(r"[\W_]+", stem)):
        return True
    folders = own if is_directory else os.path.dirname(own)
    return any(part.lower() in _WRITTEN or _is_hidden(part) for part in folders.split(os.sep))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name.strip(".") != ""


def is_left_over(path: str) -> bool:
    """Whether a file is what programs leave behind, by its path relative to what was named."""
    parts = path.split("/")
    return any(part.lower() in _WRITTEN or _is_hidden(part) for part in parts) or any(
        part.endswith(_LEFT) for part in parts
    )


def holds_a_file(folder: str) -> bool:
    """Whether there is a file in the directory, or in one of those in it."""
    return next(_files(folder), None) is not None


def _files(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_left_over(name)]
        yield from (os.path.join(place, name) for name in names if not is_left_over(name))
