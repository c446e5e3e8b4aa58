"""Tags to the remote: made there or refused, some hundred at a time, and looked for afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xgit.git import transport
from xgit.git.plumbing import GitError, Repo
from xgit.git.references import ref_ids
from xgit.git.transport import Answer
from xgit.record import refs
from xgit.share.nouns import Remote, Watch
from xgit.share.trouble import explain, of_git, refusal

AT_ONCE = 1000  # all of them or none; what a kill can cost
_WAIT_SECONDS = 0.1
_TRIES = 8  # of a push that met others at the door
_TAGS = (refs.EXPERIMENT_PREFIX, refs.REPRODUCTION_PREFIX)
_HEADS = "refs/heads/"


class Refused(NamedTuple):
    """Why a tag is not on the remote; `other` is the object that has its name there, or None."""

    reason: str
    other: str | None = None


def refs_of(repo: Repo, remote: Remote) -> dict[str, str]:
    """Full name to object id of the branches, experiments, verdicts and notes of the remote.

    Raises:
        XgitError: it cannot be asked.
    """
    try:
        return transport.remote_ids(repo, remote.name, _HEADS, *_TAGS, refs.NOTES_REF)
    except GitError as error:
        raise of_git(remote, "ask", error) from error


def push_tags(
    repo: Repo,
    remote: Remote,
    tags: Mapping[str, str],
    watch: Watch,
) -> dict[str, Refused]:
    """Make the tags on the remote; afterwards it is asked whether it has them.

    Args:
        tags: full name to object, none of them on the remote when it was last asked.

    Returns:
        Why, for each that the remote does not have.

    Raises:
        XgitError: the remote cannot be reached or written to; what it took already stays there.
    """
    refused: dict[str, Refused] = {}
    names = sorted(tags)
    for at in range(0, len(names), AT_ONCE):
        watch("pushing tags", at, len(names))
        chunk = names[at : at + AT_ONCE]
        refused |= _push_chunk(repo, remote, {name: tags[name] for name in chunk}, watch)
        if chunk[-1] in refused and len(refused) == at + len(chunk):
            told = refused[chunk[-1]]  # it takes none at all: the others need not be tried
            refused |= dict.fromkeys(names[at + AT_ONCE :], told)
            break
    watch("pushing tags", len(names), len(names))
    return _checked(repo, remote, tags, refused)


def _push_chunk(
    repo: Repo, remote: Remote, tags: Mapping[str, str], watch: Watch
) -> dict[str, Refused]:
    """Push until all are there but those that the remote refuses."""
    left, refused = dict(tags), dict[str, Refused]()
    answer = Answer(0, "", {})
    for attempt in range(_TRIES):
        answer = transport.push_new(repo, remote.name, left, watch)
        if answer.code == 0:
            return refused
        if not answer.refused or any("unpacker error" in why for why in answer.refused.values()):
            raise explain(remote, "push to", answer.said)
        there = refs_of(repo, remote)
        taken = {name: there[name] for name in left if name in there}
        refused |= {name: _other(oid) for name, oid in taken.items() if oid != left[name]}
        culprits = {} if taken else _culprits(answer)
        refused |= culprits
        left = {name: oid for name, oid in left.items() if name not in {*taken, *culprits}}
        if not left:
            return refused
        if not taken and not culprits:  # others push at this moment, and hold a lock
            time.sleep(_WAIT_SECONDS * (attempt + 1))
    return refused | {name: Refused(refusal(answer.refused[name], answer.said)) for name in left}


def _other(oid: str) -> Refused:
    return Refused("another object has its name there", oid)


def _culprits(answer: Answer) -> dict[str, Refused]:
    """Those that were refused for themselves, and not because another one was."""
    return {
        name: Refused(refusal(reason, answer.said))
        for name, reason in answer.refused.items()
        if "atomic" not in reason
    }


def _checked(
    repo: Repo, remote: Remote, tags: Mapping[str, str], refused: Mapping[str, Refused]
) -> dict[str, Refused]:
    """What the remote has after all is what counts."""
    there = refs_of(repo, remote)
    lacking = dict[str, Refused]()
    for name, oid in tags.items():
        other = there.get(name)
        if other is not None and other != oid:
            lacking[name] = _other(other)
        elif other is None:
            lacking[name] = refused.get(name, Refused("the remote took it, and does not have it"))
    return lacking


def local_tags(repo: Repo, ids: Sequence[str]) -> dict[str, str]:
    """Full name to object of the tags of these experiments and of the verdicts on them."""
    wanted = frozenset(ids)
    return {ref: oid for ref, oid in ref_ids(repo, *_TAGS).items() if experiment_of(ref) in wanted}


def experiment_of(ref: str) -> str | None:
    """The id of the experiment that a tag is, or is a verdict on; None for any other ref."""
    verdict = refs.parse_verdict_ref(ref)
    return refs.parse_ref(ref) if verdict is None else verdict[0]
