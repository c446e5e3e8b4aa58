"""`environment`: a lock that is not what is installed, and packages that only this machine has.

Whoever installs from the lock would run other code than the run did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xgit.guards.quoting import shell_word
from xgit.record.model import Installed, Lock, Package, RepoState, Violation

ID = "environment"
STAGES = ("run", "ci")
NEEDS = ("lock", "index")
REASON = "an environment that no lock describes cannot be made again"
_OURSELVES = "xgit"  # it takes no part in the run
_LETTERS = re.compile(r"[-_.]?(alpha|beta|preview|pre|post|rev|dev|rc|a|b|c|r)[-_.]?(\d*)")
_SPELLINGS = {
    "alpha": "a",
    "beta": "b",
    "c": "rc",
    "pre": "rc",
    "preview": "rc",
    "rev": "post",
    "r": "post",
}


def check(state: RepoState) -> tuple[Violation, ...]:
    """A stale lock, versions that differ from it, and packages from elsewhere on this machine."""
    found: list[Violation] = []
    if state.lock is not None:
        found += (Violation(ID, f"{state.lock.path} {how}", "uv lock") for how in state.lock.stale)
        found += _gone(state.lock, state.installed)
        if state.installed is not None:
            found += _other_versions(state.lock, state.installed)
    if state.installed is not None:
        found += _from_this_machine(state.installed, state.root)
    return tuple(found)


# ---------------------------------------------------------------- versions


def _other_versions(lock: Lock, installed: Installed) -> Iterator[Violation]:
    for name, package in installed.packages.items():
        wanted = lock.versions.get(re.sub(r"[-_.]+", "-", name).lower())
        if not wanted or _is_local(package) or any(_agree(package.version, one) for one in wanted):
            continue
        subject = f"{name} {package.version} is installed, {lock.path} says {' or '.join(wanted)}"
        yield Violation(ID, subject, _install(name, wanted, lock, installed))


def _install(name: str, wanted: tuple[str, ...], lock: Lock, installed: Installed) -> str:
    if lock.path == "uv.lock" and installed.sync is not None:
        return installed.sync
    if lock.path == "requirements.txt":
        return f"{installed.install} -r requirements.txt"
    return f"{installed.install} {shell_word(f'{name}=={wanted[-1]}')}"


def _gone(lock: Lock, installed: Installed | None) -> Iterator[Violation]:
    """Versions that nobody can install any more."""
    for name, version in lock.gone:
        subject = f"{lock.path} says {name} {version}, and no configured index has it"
        yield Violation(ID, subject, *_another_version(name, lock, installed))


def _another_version(name: str, lock: Lock, installed: Installed | None) -> tuple[str, str]:
    """The command that gets another version, and what is to be done besides."""
    word = shell_word(name)
    if lock.path == "uv.lock":
        remedy = f"uv lock --upgrade-package {word}"
        return remedy, "where pyproject.toml asks for that very version, change it there first"
    install = installed.install if installed else "uv pip install"
    return f"{install} --upgrade {word}", f"and let {lock.path} say the version that this installs"


def _agree(installed: str, wanted: str) -> bool:
    """Whether `==wanted` allows what is installed: a local part counts where it is asked for."""
    ours, theirs = _normal(installed), _normal(wanted)
    return ours == theirs or ("+" not in theirs and ours.partition("+")[0] == theirs)


def _normal(version: str) -> str:
    """One spelling of a version: `v1.0.0-RC.1` and `1rc1` are the same."""
    public, plus, local = version.lower().removeprefix("v").partition("+")
    release = re.match(r"[\d!.]*", public)
    head = release[0] if release else ""
    tail = _LETTERS.sub(
        lambda found: f"{_SPELLINGS.get(found[1], found[1])}{found[2] or 0}", public[len(head) :]
    )
    plain = re.sub(r"\b0+(?=\d)", "", head.rstrip("."))
    short = re.sub(r"(\.0)+$", "", plain)
    return f"{short}{tail}{plus}{re.sub('[-_]', '.', local)}"


# ---------------------------------------------------------------- packages of this machine


def _is_local(package: Package) -> bool:
    return package.source.startswith(("editable:", "file:"))


def _from_this_machine(installed: Installed, root: str) -> Iterator[Violation]:
    for name, package in installed.packages.items():
        kind, _, path = package.source.partition(":")
        if not _is_local(package) or name == _OURSELVES or _lies_in(path, root):
            continue
        how = "editable from" if kind == "editable" else "from"
        remedy = f"{installed.install} {shell_word(f'{name} @ git+URL')}"
        alternative = "URL being that of its repository, or move it into this one"
        yield Violation(ID, f"{name} is installed {how} {path}", remedy, alternative)


def _lies_in(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root.rstrip('/')}/")
