"""What is about to be pushed, and which recorded commits it would leave to their tags alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from xgit.git import history
from xgit.git.plumbing import Repo
from xgit.record.model import PushedRef
from xgit.record.refs import EXPERIMENT_PREFIX
from xgit.record.urls import strip_url

_BRANCHES = "refs/heads/"
_TAGS = "refs/tags/"
_PARTS = 4
_SHOWN = 3


# ---------------------------------------------------------------- what is pushed


def from_hook(lines: bytes, remote: str) -> tuple[PushedRef, ...]:
    """The pushes as git writes them to a pre-push hook: local ref and id, remote ref and id."""
    found = []
    for line in lines.split(b"\n"):
        if line:
            local, local_id, ref, remote_id = os.fsdecode(line).rsplit(" ", _PARTS - 1)
            found.append(PushedRef(local, local_id, ref, remote_id, strip_url(remote)))
    return tuple(found)


def from_pre_commit(repo: Repo, environ: Mapping[str, str]) -> tuple[PushedRef, ...]:
    """The one push that pre-commit tells of in its variables: the first that is no deletion.

    For a ref that the remote does not have, `PRE_COMMIT_FROM_REF` is a commit that the remote is
    thought to have: then nothing is moved. An experiment's tag is a tag object, so that is how
    the two are told apart.
    """
    local, remote = environ["PRE_COMMIT_LOCAL_BRANCH"], environ["PRE_COMMIT_REMOTE_BRANCH"]
    local_id = environ.get("PRE_COMMIT_TO_REF") or history.object_id(repo, local)
    remote_id = environ.get("PRE_COMMIT_FROM_REF") or repo.zero
    if remote.startswith(_TAGS) and history.object_type(repo, remote_id) != "tag":
        remote_id = repo.zero
    where = strip_url(environ.get("PRE_COMMIT_REMOTE_NAME", "origin"))
    return (PushedRef(local, local_id, remote, remote_id, where),)


# ---------------------------------------------------------------- what it leaves behind


def left_to_tags(repo: Repo, pushes: Iterable[PushedRef]) -> Iterator[str]:
    """A sentence for each branch that is rewritten or deleted with a recorded commit on it."""
    everything = tuple(pushes)
    gone = {push.remote_ref for push in everything if push.remote_ref.startswith(_BRANCHES)}
    kept = [push.local_id for push in everything if not push.deletes]
    for push in everything:
        if push.remote_ref not in gone or push.creates:
            continue
        branch = push.remote_ref.removeprefix(_BRANCHES)
        if not history.is_here(repo, push.remote_id):
            yield f"what the push takes off {branch} is not here: git fetch {push.remote} shows it"
            continue
        others = [ref.removeprefix(_BRANCHES) for ref in gone]
        lost = history.commits_lost(repo, push.remote_id, kept, others)
        refs = history.refs_with_any(repo, EXPERIMENT_PREFIX, lost) if lost else []
        if refs:
            yield _sentence(branch, [ref.removeprefix(_TAGS) for ref in refs])


def _sentence(branch: str, tags: list[str]) -> str:
    rest = len(tags) - _SHOWN
    named = ", ".join(tags[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return f"{branch} is rewritten: what {named} ran is then kept by its tag alone"
