"""Which configs do not compose, found out by the project's own Hydra in one process."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xgit.capture.hydra import project_python
from xgit.git.plumbing import Repo, git_done, git_success
from xgit.record.model import ConfigFailure, ConfigFile

_EXPERIMENTS = "experiment"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*")
_INCLUDED = re.compile(
    r"(?m)^\s*-\s+(?:override\s+)?(?:/?experiment[/:]\s*|\./)?([\w.-]+?)(?:\.yaml)?\s*$"
)
_SHOWN = 3
Found = tuple[tuple[ConfigFailure, ...], tuple[str, ...]]


def compose_all(
    repo: Repo, files: Sequence[ConfigFile], imports: Sequence[str], environ: Mapping[str, str]
) -> Found:
    """The configs that do not compose, and notes on those that could not be judged.

    Args:
        imports: modules of the project that register configs with Hydra's ConfigStore.
    """
    folders = tuple(dict.fromkeys(file.directory for file in files))
    with TemporaryDirectory(prefix="xgit-configs-") as scratch:
        asked = [
            _directory(Path(scratch, str(at)), [one for one in files if one.directory == folder])
            for at, folder in enumerate(folders)
        ]
        if not any(one["primary"] for one in asked):
            return (), (f"{_listed(folders)}: not checked, no primary config was found there",)
        _lay_out(repo, Path(scratch), folders, files)
        request = {
            "root": os.fspath(repo.work_tree),
            "imports": list(imports),
            "seconds": project_python.COMPOSE_SECONDS,
            "directories": asked,
        }
        try:
            answer = _asked(repo, request, environ)
        except project_python.NotAsked as error:
            return (), (f"the configs in {_listed(folders)} were not composed: {error}",)
    return _judged(repo, folders, files, imports, answer)


def _asked(repo: Repo, request: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    root = os.fspath(repo.work_tree)
    # What came with the repository is not started, were it called .venv ten times.
    tracked = {
        path: git_success(repo, "ls-files", "--error-unmatch", "--", os.path.relpath(path, root))
        for path in project_python.candidates(root)
        if os.path.lexists(path)
    }
    python = project_python.find_python(root, environ, tracked)
    answer = project_python.ask_python(python, request, root)
    if answer["trouble"]:
        shown = os.path.relpath(python, root) if python.startswith(f"{root}/") else python
        raise project_python.NotAsked(f"{shown} was asked, but {answer['trouble']}")
    return answer


# ---------------------------------------------------------------- the question


def _directory(path: Path, files: Sequence[ConfigFile]) -> dict[str, Any]:
    """What to compose in one config directory."""
    there = [(_name(one), one) for one in files if one.text is not None]
    changed = [_name(one) for one in files if one.staged]
    # A change of anything else may break every experiment.
    only = set(changed) if changed and all(map(_is_experiment, changed)) else None
    experiments = [name for name, _ in there if _is_experiment(name) and (not only or name in only)]
    options = [
        name
        for name, one in there
        if one.staged and "/" in name and not name.startswith(f"{_EXPERIMENTS}/")
    ]
    return {
        "path": os.fspath(path),
        "primary": [name for name, one in there if one.primary],
        "targets": [_split(name) for name in (*experiments, *options) if _is_plain(name)],
        "complete": _complete(there),
    }


def _name(file: ConfigFile) -> str:
    return posixpath.relpath(file.path, file.directory).removesuffix(".yaml")


def _is_experiment(name: str) -> bool:
    return posixpath.dirname(name) == _EXPERIMENTS


def _is_plain(name: str) -> bool:
    """Whether the name needs no quoting in Hydra's grammar of overrides."""
    return all(map(_PLAIN_NAME.fullmatch, name.split("/")))


def _split(name: str) -> tuple[str, str]:
    return posixpath.dirname(name), posixpath.basename(name)


def _complete(there: Iterable[tuple[str, ConfigFile]]) -> dict[str, list[str]]:
    """For each experiment that must be whole, itself and all experiments that it includes.

    What starts with `_`, or is included by another, need not be whole.
    """
    texts = {_split(name)[1]: one.text or "" for name, one in there if _is_experiment(name)}
    includes = {
        name: [other for other in _INCLUDED.findall(text) if other in texts and other != name]
        for name, text in texts.items()
    }
    parts = {other for others in includes.values() for other in others}
    return {
        name: _with_all_below(name, includes)
        for name in texts
        if name not in parts and not name.startswith("_")
    }


def _with_all_below(name: str, includes: Mapping[str, Sequence[str]]) -> list[str]:
    found = {name: None}
    for one in (todo := [name]):
        new = [other for other in includes[one] if other not in found]
        found.update(dict.fromkeys(new))
        todo += new
    return list(found)


def _lay_out(
    repo: Repo, scratch: Path, folders: Sequence[str], files: Iterable[ConfigFile]
) -> None:
    """Write the configs; a link leads to where it leads in the work tree."""
    for folder in map(str, range(len(folders))):
        (scratch / folder).mkdir()
    for one in files:
        if one.text is None:
            continue
        target = scratch / str(folders.index(one.directory)) / f"{_name(one)}.yaml"
        target.parent.mkdir(parents=True, exist_ok=True)
        if one.link:
            target.symlink_to(Path(repo.work_tree, one.path).parent / one.text)
        else:
            target.write_bytes(one.text.encode("utf-8", "surrogateescape"))


# ---------------------------------------------------------------- the answer


def _judged(
    repo: Repo,
    folders: Sequence[str],
    files: Sequence[ConfigFile],
    imports: Sequence[str],
    answer: Mapping[str, Any],
) -> Found:
    told = answer["failures"]
    unknown = [one for one in told if one["kind"] == "unknown"]
    rest = [one for one in told if one["kind"] != "unknown"]
    notes = [
        f"{_path(folders, one)}: not checked, Hydra says outside the program: {one['reason']}"
        for one in unknown
    ]
    unsure = [one for one in rest if one["kind"] in ("missing", "other")] if not imports else []
    if unsure and _registers(repo):
        paths = _listed([_path(folders, one) for one in unsure])
        notes.append(
            f"{paths}: not checked, the code registers configs that the files alone do not have; "
            'name its modules: [tool.xgit.guards.config] imports = ["…"]'
        )
        rest = [one for one in rest if one not in unsure]
    if answer["left"]:
        notes.append(f"no time was left to compose {_listed(answer['left'])}")
    there = {file.path: file for file in files if file.text is not None}
    return tuple(_failure(repo, folders, there, one) for one in rest), tuple(notes)


def _failure(
    repo: Repo,
    folders: Sequence[str],
    there: Mapping[str, ConfigFile],
    told: Mapping[str, Any],
) -> ConfigFailure:
    folder = folders[told["directory"]]
    own = _path(folders, told)
    inside, reason = _in(folder, told.get("inside") or ""), told["reason"]
    # An override is told as an error of the primary config, which composes without it.
    if inside not in there or (there[inside].primary and told["group"]):
        inside = own
    if inside == own:
        reason = re.sub(r"^In '?[^':]+'?: ", "", reason)
    lacking = _in(folder, told["missing"]) if told.get("missing") else ""
    if not lacking or lacking in there or not Path(repo.work_tree, lacking).is_file():
        return ConfigFailure(own, reason, inside)
    ignored = git_success(repo, "check-ignore", "--quiet", "--", lacking)
    return ConfigFailure(own, reason, inside, lacking, ignored)


def _in(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, f"{name}.yaml"))


def _path(folders: Sequence[str], told: Mapping[str, Any]) -> str:
    return _in(folders[told["directory"]], posixpath.join(told["group"], told["name"]))


def _registers(repo: Repo) -> bool:
    """Whether code of the project may give Hydra configs that no file has."""
    words = ("-e", "ConfigStore", "-e", "hydra_zen")
    return git_done(repo, "grep", "--quiet", "-F", *words, "--", "*.py").returncode == 0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_upto(names))


def _upto(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_SHOWN]
    if len(names) > _SHOWN:
        yield f"and {len(names) - _SHOWN} more"
