"""Whether a remote has a commit, asked of the remote itself and not of what was fetched last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xgit.git import remotes
from xgit.git.plumbing import Repo
from xgit.git.remotes import NoAnswer
from xgit.record.code_facts import RemoteAnswer
from xgit.record.urls import mask_urls, strip_url

_HEADS = "refs/heads/"
_LABELS = ("fatal: ", "error: ", "remote: ")


def ask_remotes(
    repo: Repo, commit: str, first: str | None, names: Iterable[str]
) -> tuple[RemoteAnswer, ...]:
    """What each remote says, `first` before the others; after a yes no further one is asked."""
    answers: list[RemoteAnswer] = []
    for name in sorted(names, key=lambda one: one != first):
        answers.append(_ask(repo, commit, name))
        if answers[-1].answer == "has":
            break
    return tuple(answers)


def _ask(repo: Repo, commit: str, name: str) -> RemoteAnswer:
    url = strip_url(repo.config.get(f"remote.{name}.url") or "")
    try:
        return _answered(repo, commit, name, url)
    except NoAnswer as error:
        return RemoteAnswer(name, url, "silent", reason=_reason(error))


def _answered(repo: Repo, commit: str, name: str, url: str) -> RemoteAnswer:
    """Branches first, as there may be thousands of tags, and only they can be what was pushed."""
    heads = remotes.remote_refs(repo, name, "heads")
    branches = frozenset(ref.removeprefix(_HEADS) for ref in heads)
    if _is_among(repo, commit, heads):
        return RemoteAnswer(name, url, "has", branches)
    unknown = _unknown(repo, heads)
    trouble = _fetch(repo, name, unknown) if unknown else None
    if unknown and trouble is None and _is_among(repo, commit, unknown):
        return RemoteAnswer(name, url, "has", branches)
    if _is_among(repo, commit, remotes.remote_refs(repo, name, "tags")):
        return RemoteAnswer(name, url, "has", branches)
    if trouble is not None:
        return RemoteAnswer(name, url, "unknown", branches, trouble)
    return RemoteAnswer(name, url, "lacks", branches)


def _is_among(repo: Repo, commit: str, tips: Mapping[str, str]) -> bool:
    """Whether one of the tips leads to the commit, as far as they are here."""
    if commit in tips.values():
        return True
    here = remotes.commits_here(repo, set(tips.values()))
    return bool(here) and remotes.is_reached(repo, commit, here)


def _unknown(repo: Repo, tips: Mapping[str, str]) -> dict[str, str]:
    here = remotes.commits_here(repo, set(tips.values()))
    return {ref: commit for ref, commit in tips.items() if commit not in here}


def _fetch(repo: Repo, name: str, tips: Mapping[str, str]) -> str | None:
    """Have the commits of the tips, or say why that is not done."""
    shown = next(iter(tips)).removeprefix(_HEADS)
    what = f"{shown} there has commits that are not here"
    if repo.shallow:  # then it could bring along the whole history that the user has left out
        return what
    try:
        remotes.fetch_objects(repo, name, tips)
    except NoAnswer as error:
        return f"{what}, and they cannot be had: {_reason(error)}"
    return None


def _reason(error: NoAnswer) -> str:
    """The first thing that git, or the program it calls, says; without credentials."""
    said = [line for line in error.stderr.splitlines() if line.strip()]
    told = [line for line in said if not line.lower().startswith("warning: ")]
    line = next(iter(told or said), f"exit code {error.code}")
    for label in _LABELS:
        line = line.removeprefix(label)
    return mask_urls(line, "").strip()
