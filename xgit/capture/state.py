"""The state that guards judge: only the facts that the chosen guards need are looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from xgit.capture import code
from xgit.capture.cache import Cache
from xgit.git.plumbing import Repo
from xgit.record.model import ComposedConfig, PushedRef, RepoState
from xgit.settings import Settings


class Question(NamedTuple):
    """What is asked of the repository.

    Attributes:
        needs: names of facts, as the guards' `NEEDS` have them; see `FACTS`.
        identity: git's identity line, or None where nobody needs an author.
        tracked: tracked paths, at least those that hold pins; asked of git when None.
    """

    repo: Repo
    settings: Settings
    stage: str
    needs: Collection[str]
    identity: str | None = None
    command: tuple[str, ...] = ()
    cwd: str = ""
    tracked: Sequence[str] | None = None
    pushes: tuple[PushedRef, ...] = ()


Fact = Callable[[Question, RepoState, Cache], RepoState]


def read_state(question: Question, cache: Cache) -> RepoState:
    """Everything the guards need to know, in the order of `FACTS`.

    Raises:
        XgitError: the repository is bare, or one of its files cannot be understood.
    """
    state = RepoState(
        root=os.fspath(question.repo.work_tree),
        commit=None,
        branch=None,
        pushed=False,
        stage=question.stage,
        command=question.command,
        cwd=question.cwd,
        pushes=question.pushes,
    )
    unknown = set(question.needs) - set(FACTS)
    if unknown:
        raise ValueError(f"no such facts: {', '.join(sorted(unknown))}")
    for name, fact in FACTS.items():
        if name in question.needs:
            state = fact(question, state, cache)
    return state


def with_config(repo: Repo, needs: Collection[str], state: RepoState) -> RepoState:
    """The state after its `config` or `cwd` was replaced: what follows from them is read again.

    Args:
        needs: names of facts; of the others nothing is read.
    """
    if "mentioned" not in needs:
        return state
    from xgit.capture.data.tools import dvc_homes, uses_lfs
    from xgit.capture.mentioned import mentioned_paths

    found = mentioned_paths(repo, state, None, None)
    homes = dvc_homes(state.root, [one.path for one in found])
    return state._replace(mentioned=found, dvc_homes=homes, lfs=uses_lfs(state.root))


def _work_tree(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """HEAD, branch, remotes, submodules, untracked and modified files."""
    return code.add_code(question.repo, state, question.identity, cache)


def _pushed(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Whether a remote-tracking branch holds HEAD; needs `work-tree`."""
    from xgit.capture.pushed import add_pushed

    return add_pushed(question.repo, state)


def _published(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """The same of submodules, and by the remotes themselves where that is asked; needs `pushed`."""
    from xgit.capture.pushed import add_published

    return add_published(question.repo, state, ask=_verifies(question, "unpushed"))


def _verifies(question: Question, guard: str) -> bool:
    """Whether the guard is to believe no earlier answer."""
    return bool(question.settings.guards.get(guard, {}).get("verify_remote"))


def _pins(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What DVC and git LFS pin, compared with the work tree."""
    from xgit.capture.data import find

    pins = find.read_pins(question.repo, question.tracked, cache)
    if not pins:
        return state
    from xgit.capture.data.content import check_pins

    return state._replace(pins=check_pins(question.repo, pins, cache))


def _modified_lfs(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """`modified`, if a file of git LFS is not its pin: spares all others the whole `work-tree`."""
    asked = "work-tree" in question.needs
    if asked or not any(pin.kind == "lfs" and pin.stale for pin in state.pins):
        return state
    return state._replace(modified=code.modified_files(question.repo))


def _data_remotes(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Which pins a DVC remote holds; needs `pins`."""
    if not state.pins:
        return state
    from xgit.capture.data.remotes import check_remotes

    again = _verifies(question, "unpushed-data")
    pins, notes = check_remotes(question.repo, state.pins, cache, ask_again=again)
    return state._replace(pins=pins, notes=(*state.notes, *notes))


def _config(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """`params.yaml`, until the program tells what it composed: see `run/handshake.py`."""
    if state.stage == "commit":
        return state  # nothing is about to run with it
    from xgit.capture.params.reading import file_params

    found = file_params(Path(state.root), Path(question.cwd or state.root))
    if found.text is None:
        return state
    return state._replace(config=ComposedConfig(found.values, source=found.source))


def _staged(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What the next commit adds or changes; nothing but at the commit stage."""
    if state.stage != "commit":
        return state
    from xgit.capture.staged import staged_files

    return state._replace(staged=staged_files(question.repo))


def _mentioned(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What the command line and the `config` name and nothing pins."""
    if state.stage == "commit":
        return state  # nothing is about to run
    from xgit.capture.mentioned import mentioned_paths

    return state._replace(mentioned=mentioned_paths(question.repo, state, question.tracked, cache))


def _data_tools(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Where DVC is at work, and whether git LFS is, as far as `staged` and `mentioned` need it."""
    if not (state.staged or state.mentioned):
        return state
    from xgit.capture.data.tools import dvc_homes, uses_lfs

    paths = [*(one.path for one in state.staged), *(one.path for one in state.mentioned)]
    return state._replace(dvc_homes=dvc_homes(state.root, paths), lfs=uses_lfs(state.root))


def _pushes(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What the pushes leave behind of the recorded commits, told as notes."""
    if not state.pushes:
        return state
    from xgit.capture.pushes import left_to_tags

    return state._replace(notes=(*state.notes, *left_to_tags(question.repo, state.pushes)))


def _credentials(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Secrets in what is `staged` at the commit stage, else in the URLs of the remotes."""
    from xgit.capture import credentials

    if state.stage != "commit":
        return state._replace(credentials=credentials.in_remotes(question.repo))
    options = question.settings.guards.get("secrets", {})
    found, notes = credentials.in_staged(question.repo, state.staged, options, cache)
    return state._replace(credentials=found, notes=(*state.notes, *notes))


def _lock(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """The lock file, and what is installed where the command will run."""
    from xgit.capture.environment.installed import add_environment

    return add_environment(state, cache, os.environ)


def _index(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What the `lock` names and no index has; asked at the stage `ci` alone, for it takes long."""
    if state.stage != "ci" or state.lock is None or not state.lock.versions:
        return state
    from xgit.capture.environment.on_index import add_gone

    return add_gone(question.repo, state, os.environ)


def _config_files(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Hydra configs in the index; for `variables` alone, only at the commit stage."""
    from xgit.capture.hydra import files

    directory = question.settings.guards.get("config", {}).get("directory", "")
    if state.stage == "commit":
        found, notes = files.staged_configs(question.repo, directory)
    elif "config-failures" in question.needs:
        found, notes = files.all_configs(question.repo, directory)
    else:
        return state
    return state._replace(config_files=found, notes=(*state.notes, *notes))


def _config_failures(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Which of the `config-files` do not compose."""
    if not state.config_files:
        return state
    from xgit.capture.hydra.composing import compose_all

    imports = question.settings.guards.get("config", {}).get("imports", [])
    found, notes = compose_all(question.repo, state.config_files, imports, os.environ)
    return state._replace(config_failures=found, notes=(*state.notes, *notes))


def _required_variables(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What staged `config-files` read of the environment that `Settings.variables` lacks."""
    if not any(file.staged for file in state.config_files):
        return state
    from xgit.capture.hydra.variables import place_to_declare, required_variables

    declared = question.settings.variables
    found = [one for one in required_variables(state.config_files) if one.name not in declared]
    place = place_to_declare(Path(state.root)) if found else ""
    return state._replace(required_variables=tuple(one._replace(declare_in=place) for one in found))


FACTS: dict[str, Fact] = {
    "work-tree": _work_tree,
    "pushed": _pushed,
    "published": _published,
    "pins": _pins,
    "modified-lfs": _modified_lfs,
    "data-remotes": _data_remotes,
    "pushes": _pushes,
    "config": _config,
    "staged": _staged,
    "mentioned": _mentioned,
    "data-tools": _data_tools,
    "credentials": _credentials,
    "lock": _lock,
    "index": _index,
    "config-files": _config_files,
    "config-failures": _config_failures,
    "required-variables": _required_variables,
}
