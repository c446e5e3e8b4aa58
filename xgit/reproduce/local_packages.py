"""Packages that came from no index: the project itself, and xgit.

The project is not built, unless builds are allowed: a `.pth` file leads to its directory in the
checkout, and its console scripts are written by hand. That is enough for what is pure Python.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import xgit
from xgit.capture.documents import BadDocument, parse_toml, read_text
from xgit.capture.environment.lock import normal_name
from xgit.record.model import Experiment, Json, Package
from xgit.reproduce.installing import CannotRebuild, Work
from xgit.reproduce.uv import UvFailed, short
from xgit.reproduce.wanted import OWN, Unhad, unhad_directory

_ENTRY = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_SCRIPT = """\
#!{python}
import sys

from {module} import {name}

sys.exit({attribute}())
"""


def install(work: Work, local: Mapping[str, Package], site: Path) -> tuple[list[Unhad], list[str]]:
    """Install from the checkout what was installed from a directory of the repository.

    Args:
        local: by name, as the record has them.

    Returns:
        What the checkout does not have, and notes.

    Raises:
        CannotRebuild: the build failed.
    """
    known = _recorded_directories(work.recorded)
    unhad: list[Unhad] = []
    notes: list[str] = []
    for name, package in sorted(local.items()):
        folder = _directory_of(name, package, work.checkout, known.get(name))
        if folder is None:
            unhad.append(unhad_directory(name, package))
        elif work.builds:
            _build(work, name, package, folder)
        else:
            lead_to(site, name, package.version, folder)
            notes.append(f"{name} was not built: Python is led to its directory in the checkout")
    return unhad, notes


def _build(work: Work, name: str, package: Package, folder: Path) -> None:
    in_place = ("-e",) if package.source.startswith("editable:") else ()
    argv = ("pip", "install", "--no-deps", *work.options, *in_place, os.fspath(folder))
    try:
        work.uv.call(*argv, cwd=work.place, show=True)
    except UvFailed as failure:
        told = f"{name} of the checkout could not be built: {short(str(failure))}"
        raise CannotRebuild(told) from failure


# ---------------------------------------------------------------- where it lies


def _recorded_directories(recorded: Experiment) -> dict[str, str]:
    lock = recorded.environment.lock
    missing = lock.missing if lock else ()
    return {normal_name(one.name): one.directory for one in missing if one.directory is not None}


def _directory_of(name: str, package: Package, checkout: Path, known: str | None) -> Path | None:
    """The directory in the checkout that the package was installed from, or None.

    Where the record does not say, it is one that ends like the recorded path, or the top, and
    whose project has this name.
    """
    if known is not None:
        return _inside(checkout, known)
    parts = [part for part in package.source.partition(":")[2].split("/") if part]
    for count in range(len(parts) + 1):
        folder = _inside(checkout, "/".join(parts[len(parts) - count :]))
        if folder is not None and _project_name(folder) == name:
            return folder
    return None


def _inside(checkout: Path, path: str) -> Path | None:
    """A directory of the checkout; None for what is none or leads out of it."""
    top = os.path.realpath(checkout)
    folder = os.path.realpath(os.path.join(top, path))
    is_in = folder == top or folder.startswith(top + os.sep)
    return Path(folder) if is_in and folder.isprintable() and os.path.isdir(folder) else None


def _project_name(folder: Path) -> str | None:
    name = _project(folder).get("name")
    return normal_name(name) if isinstance(name, str) else None


def _project(folder: Path) -> Mapping[str, Json]:
    """The table `[project]`, or poetry's own of old."""
    try:
        document = parse_toml(read_text(folder / "pyproject.toml"))
    except (OSError, BadDocument):
        return {}
    tools = _table(_table(document, "tool"), "poetry")
    return {**tools, **_table(document, "project")}


def _table(document: Json, key: str) -> Mapping[str, Json]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


# ---------------------------------------------------------------- without a build


def lead_to(site: Path, name: str, version: str, folder: Path) -> None:
    """Make a directory importable, and known as an editable install."""
    from json import dumps

    paths = [path for path in (folder / "src", folder) if _has_modules(path)] or [folder]
    (site / f"_xgit_{_file_name(name)}.pth").write_text(
        "".join(f"{path}\n" for path in paths), encoding="utf-8"
    )
    project = _project(folder)
    direct = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    scripts = dict(_entries(_table(project, "scripts")))
    points = [f"[{group}]\n{lines}" for group, lines in _points(project)]
    files = {"direct_url.json": dumps(direct), "entry_points.txt": "\n".join(points)}
    _dist_info(site, name, version, files)
    for script, (module, attribute) in scripts.items():
        _write_script(site.parents[2] / "bin", script, module, attribute)


def _has_modules(folder: Path) -> bool:
    """Whether there is something to import: a module, or a package."""
    names = ("setup.py", "noxfile.py", "conftest.py")
    return any(path.name not in names for path in folder.glob("*.py")) or any(
        True for _ in folder.glob("*/__init__.py")
    )


def _points(project: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Groups of entry points, by which plugins are found."""
    groups = {"console_scripts": _table(project, "scripts"), **_table(project, "entry-points")}
    for group, table in groups.items():
        found = _entries(table if isinstance(table, dict) else {})
        lines = "".join(f"{name} = {module}:{attribute}\n" for name, (module, attribute) in found)
        if lines and group.isprintable() and "]" not in group:
            yield group, lines


def _entries(table: Mapping[str, Json]) -> Iterable[tuple[str, tuple[str, str]]]:
    for name, value in table.items():
        target = _ENTRY.fullmatch(value) if isinstance(value, str) else None
        if target and _SCRIPT_NAME.fullmatch(name):
            yield name, (target[1], target[2])


def _write_script(folder: Path, name: str, module: str, attribute: str) -> None:
    python = os.fspath(folder / "python")
    first = attribute.partition(".")[0]
    text = _SCRIPT.format(python=python, module=module, name=first, attribute=attribute)
    with suppress(FileExistsError):  # such as `python`
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
        (folder / name).chmod(0o755)


def _dist_info(site: Path, name: str, version: str, files: Mapping[str, str]) -> None:
    folder = site / f"{_file_name(name)}-{version.replace('-', '_')}.dist-info"
    folder.mkdir(exist_ok=True)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    for path, text in {"METADATA": head, "INSTALLER": "xgit\n", **files}.items():
        (folder / path).write_text(text, encoding="utf-8")


def _file_name(name: str) -> str:
    return name.replace("-", "_")


# ---------------------------------------------------------------- xgit


def copy_xgit(site: Path, recorded_version: str) -> list[str]:
    """Put the xgit that is running where the program imports it from; a note on its version."""
    own = Path(xgit.__file__).parent
    shutil.copytree(own, site / OWN, ignore=shutil.ignore_patterns("__pycache__"))
    _dist_info(site, OWN, xgit.__version__, {})
    if xgit.__version__ == recorded_version:
        return []
    return [f"xgit {xgit.__version__} takes the place of {recorded_version}"]
