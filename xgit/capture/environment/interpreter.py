"""The environment that a command will run in, found without starting anything."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_PYTHON = re.compile(r"python(\d+(\.\d+)?)?t?")
_MANAGED = ("uv", "uvx", "pdm", "poetry", "hatch", "pixi", "conda", "mamba", "micromamba")


class Place(NamedTuple):
    """An environment: a path that names it, and the directories of its packages.

    Attributes:
        prefix: of a virtual environment its directory, else the interpreter.
        path: in the order of `sys.path`.
    """

    prefix: str
    path: tuple[str, ...]


def environment_of(
    command: Sequence[str], cwd: str, root: str, environ: Mapping[str, str]
) -> Place | None:
    """Where the Python packages of the command are, or None where that cannot be told.

    Args:
        command: the program first; when empty, the project's own environment is meant.
        cwd: where it is started; absolute, or empty for the root.
    """
    program = command[0] if command else ""
    if os.path.basename(program) in _MANAGED:
        return None  # it makes the environment itself, before it starts the program
    found = find_program(program, cwd or root, environ) if program else None
    if found is not None:
        place = _place_of_program(found)
        if place is not None:
            return place
    own = environ.get("VIRTUAL_ENV") if "PRE_COMMIT" not in environ else None  # that is the hook's
    for prefix in (own, os.path.join(root, ".venv") if not command else None):
        if prefix and os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
            return _place(prefix)
    return None


def find_program(program: str, cwd: str, environ: Mapping[str, str]) -> str | None:
    """The file that a program name stands for, or None; `shutil` takes long to import."""
    if os.sep in program:
        path = os.path.join(cwd, program)
        return path if os.path.isfile(path) else None
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(cwd, folder, program)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _place_of_program(path: str) -> Place | None:
    """The environment of a Python, or of a program that a virtual environment has."""
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    if os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        return _place(prefix)
    if not _PYTHON.fullmatch(os.path.basename(path)):
        return None
    real = os.path.dirname(os.path.dirname(os.path.realpath(path)))
    folders = tuple(_site_folders(real, os.path.basename(os.path.realpath(path))))
    return Place(path, folders) if folders else None


def _place(prefix: str) -> Place:
    """A virtual environment; `pyvenv.cfg` says which Python it is of."""
    text = Path(prefix, "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    pairs = (line.partition("=") for line in text.splitlines())
    config = {key.strip().lower(): value.strip() for key, _, value in pairs}
    version = config.get("version_info") or config.get("version") or ""
    name = f"python{'.'.join(version.split('.')[:2])}"
    folders = list(_site_folders(prefix, name))
    if config.get("include-system-site-packages", "").lower() == "true" and "home" in config:
        folders += _site_folders(os.path.dirname(os.path.realpath(config["home"])), name)
    return Place(prefix, tuple(folders))


def _site_folders(prefix: str, name: str) -> Iterator[str]:
    """The directories of packages that are there, for a Python called `name`."""
    for lib in ("lib", "lib64"):
        folder = os.path.join(prefix, lib, name, "site-packages")
        if os.path.isdir(folder) and not os.path.islink(os.path.join(prefix, lib)):
            yield folder
    if prefix == "/usr":  # Debian's own layout
        debian = (f"/usr/local/lib/{name}/dist-packages", "/usr/lib/python3/dist-packages")
        yield from filter(os.path.isdir, debian)
