"""Labels and notes to a remote and from it: merged first, pushed as the next step of both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from xgit.git import transport
from xgit.git.history import is_here
from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.share.nouns import Remote, Watch
from xgit.share.tags import refs_of
from xgit.share.trouble import explain, refusal, words
from xgit.store import events as store

_TRIES = 20  # of a push that others were quicker at
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")


class EventsPush(NamedTuple):
    """Whether there was anything to push, how much came in, and why it was not taken, or None."""

    pushed: bool
    taken: int
    trouble: str | None = None


def pull_events(repo: Repo, remote: Remote, theirs: str, watch: Watch) -> int:
    """Merge what the remote's notes say into those here; how many lines are new.

    Args:
        theirs: the commit of its notes.

    Raises:
        XgitError: they cannot be fetched, or git cannot write.
    """
    ref = refs.REMOTE_NOTES_PREFIX + _plain(remote.name)
    if not is_here(repo, theirs):
        answer = transport.fetch_refs(repo, remote.name, [f"+{refs.NOTES_REF}:{ref}"], watch)
        if answer.code:
            raise explain(remote, "fetch labels and notes from", answer.said)
    return store.merge(repo, theirs) if is_here(repo, theirs) else 0


def push_events(repo: Repo, remote: Remote, there: Mapping[str, str], watch: Watch) -> EventsPush:
    """Push what was said of experiments, whatever others said meanwhile.

    Args:
        there: full name to id of the remote's refs, as they were seen last.

    Raises:
        XgitError: the remote cannot be reached, or git cannot write here.
    """
    taken = 0
    why = "others write there all the time"
    for _ in range(_TRIES):
        theirs = there.get(refs.NOTES_REF)
        if theirs is not None:
            taken += pull_events(repo, remote, theirs, watch)
        ours = store.head(repo)
        if ours is None or ours == theirs:
            return EventsPush(pushed=False, taken=taken)
        answer = transport.push_new(repo, remote.name, {refs.NOTES_REF: ours}, watch)
        before, there = theirs, refs_of(repo, remote)
        if there.get(refs.NOTES_REF) == ours:
            return EventsPush(pushed=True, taken=taken)
        if there.get(refs.NOTES_REF) == before and answer.code:
            reason = answer.refused.get(refs.NOTES_REF)
            why = refusal(reason, answer.said) if reason else words(answer.said)
            if reason and "atomic" not in reason:
                break
    return EventsPush(pushed=False, taken=taken, trouble=why)


def _plain(name: str) -> str:
    """The name of a remote as a part of the name of a ref, whatever is in it."""
    if _PLAIN.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
