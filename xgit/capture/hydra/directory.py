"""Where the project keeps its Hydra configs: told by the settings, by its code, or by custom."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from xgit.git.plumbing import Repo, git_done

if TYPE_CHECKING:
    import ast

USUAL = ("conf", "configs", "config")
MOST_PROGRAMS = 200
_LARGEST_BYTES = 1024 * 1024


class ConfigDirectory(NamedTuple):
    """A config directory: its path, and the primary configs that programs name."""

    path: str
    names: tuple[str, ...] = ()


def find_directories(repo: Repo, chosen: str = "") -> tuple[ConfigDirectory, ...]:
    """The config directories, each once.

    Args:
        chosen: the directory that the settings name; empty when they name none.
    """
    told = tuple(_told_by_code(repo))
    if chosen:
        path = posixpath.normpath(chosen)
        names = tuple(name for one in told if one.path == path for name in one.names)
        return (ConfigDirectory(path, names),)
    return _once(told) or tuple(
        ConfigDirectory(path) for path in USUAL if _has_defaults(repo.work_tree / path)
    )


def _once(told: tuple[ConfigDirectory, ...]) -> tuple[ConfigDirectory, ...]:
    names: dict[str, dict[str, None]] = {}
    for one in told:
        names.setdefault(one.path, {}).update(dict.fromkeys(one.names))
    return tuple(ConfigDirectory(path, tuple(found)) for path, found in names.items())


# ---------------------------------------------------------------- what programs say


def _told_by_code(repo: Repo) -> Iterator[ConfigDirectory]:
    """What the calls of `hydra.main` name, where that is written out."""
    for program in _programs(repo)[:MOST_PROGRAMS]:
        for path, name in _calls(os.path.join(repo.work_tree, program)):
            full = posixpath.normpath(posixpath.join(posixpath.dirname(program), path))
            inside = not full.startswith(("../", "/")) and full != ".."
            if inside and os.path.isdir(os.path.join(repo.work_tree, full)):
                yield ConfigDirectory(full, (name.removesuffix(".yaml"),) if name else ())


def _programs(repo: Repo) -> list[str]:
    patterns = ("-e", "hydra.main", "-e", "from hydra import")
    done = git_done(repo, "grep", "-l", "-z", "-F", "--full-name", *patterns, "--", "*.py")
    return [path for path in os.fsdecode(done.stdout).split("\0") if path]


def _calls(path: str) -> Iterator[tuple[str, str]]:
    """`config_path` and `config_name` of each call of `hydra.main` that has the first."""
    import ast

    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(_LARGEST_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return  # not Python, or none that this one reads: then it tells nothing
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "hydra"
        for alias in node.names
        if alias.name == "main"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_main(node.func, aliases):
            found = _text(node, 0, "config_path")
            if found is not None:
                yield found, _text(node, 1, "config_name") or ""


def _is_main(function: ast.expr, aliases: set[str]) -> bool:
    import ast

    if isinstance(function, ast.Attribute):
        of = function.value
        return function.attr == "main" and isinstance(of, ast.Name) and of.id == "hydra"
    return isinstance(function, ast.Name) and function.id in aliases


def _text(call: ast.Call, at: int, name: str) -> str | None:
    """An argument that is a text, written out; None for any other."""
    import ast

    values = [one.value for one in call.keywords if one.arg == name] or call.args[at : at + 1]
    value = values[0] if values else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return None


# ---------------------------------------------------------------- what is usual


def _has_defaults(folder: os.PathLike[str]) -> bool:
    """Whether a config in the directory has a defaults list."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".yaml")]
    except (FileNotFoundError, NotADirectoryError):
        return False
    return any(_file_has_defaults(os.path.join(folder, name)) for name in names)


def _file_has_defaults(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        return has_defaults(file.read(_LARGEST_BYTES))


def has_defaults(text: str) -> bool:
    """Whether YAML has a list `defaults` at its top."""
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("defaults") or not line[8:].lstrip().startswith(":"):
            continue
        rest = line[8:].lstrip()[1:].strip()
        if rest and not rest.startswith("#"):
            return rest.startswith("[")
        below = (other.strip() for other in lines)
        return next((o for o in below if o and not o.startswith("#")), "").startswith("-")
    return False
