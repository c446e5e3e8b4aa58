"""Remove experiments here or on a remote, and know first what would be lost by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from xgit.errors import XgitError
from xgit.git import transport
from xgit.git.plumbing import Repo
from xgit.git.references import RefChange, change_refs, ref_ids
from xgit.record import refs
from xgit.share.nouns import Remote, Watch
from xgit.share.tags import experiment_of, refs_of
from xgit.share.trouble import explain, refusal


class Doomed(NamedTuple):
    """One experiment that is to go.

    Attributes:
        tags: full name to object of its tag and of the verdicts on it, where they are removed.
        children: ids of the children of a sweep; they go with it.
        elsewhere: whether its tag is, as the same object, on the other side: on the remote where
            it is removed here, here where it is removed on the remote. None when not known.
    """

    id: str
    tags: Mapping[str, str]
    children: tuple[str, ...]
    elsewhere: bool | None


def doomed_here(repo: Repo, ids: Iterable[str], remote: Remote | None) -> tuple[Doomed, ...]:
    """What goes with each experiment when it is removed here.

    Args:
        remote: is asked whether it has them; None where there is none. One that does not answer
            leaves that unknown.
    """
    here = ref_ids(repo, *refs.PROTECTED_PREFIXES)
    return _doomed(ids, here, None if remote is None else _asked(repo, remote))


def doomed_there(repo: Repo, ids: Iterable[str], remote: Remote) -> tuple[Doomed, ...]:
    """What goes with each experiment when it is removed on the remote.

    Raises:
        XgitError: the remote cannot be reached, or does not have one of them.
    """
    there = refs_of(repo, remote)
    found = _doomed(ids, there, ref_ids(repo, *refs.PROTECTED_PREFIXES))
    for one in found:
        if refs.format_ref(one.id) not in one.tags:
            raise XgitError(f"{remote.name} has no experiment {one.id!r}", "xgit exp list")
    return found


def _asked(repo: Repo, remote: Remote) -> Mapping[str, str] | None:
    try:
        return refs_of(repo, remote)
    except XgitError:  # it is asked as a courtesy; the answer is then "not known"
        return None


def _doomed(
    ids: Iterable[str], tags: Mapping[str, str], others: Mapping[str, str] | None
) -> tuple[Doomed, ...]:
    by_id: dict[str, dict[str, str]] = {}
    for ref, oid in tags.items():
        one = experiment_of(ref)
        if one is not None:
            by_id.setdefault(one, {})[ref] = oid
    named = list(dict.fromkeys(ids))
    found: dict[str, Doomed] = {}
    for one in named:
        children = sorted(
            (other for other in by_id if other.startswith(f"{one}.")),
            key=lambda child: int(child.rpartition(".")[2]),
        )
        for each in (one, *children):
            own = tuple(children) if each == one else ()
            found[each] = _one(each, by_id.get(each, {}), own, others)
    return tuple(found.values())


def _one(
    one: str,
    tags: Mapping[str, str],
    children: tuple[str, ...],
    others: Mapping[str, str] | None,
) -> Doomed:
    ref = refs.format_ref(one)
    elsewhere = None if others is None else ref in tags and others.get(ref) == tags[ref]
    return Doomed(one, tags, children, elsewhere)


def remove_here(repo: Repo, doomed: Sequence[Doomed]) -> None:
    """Remove all of the tags, or none where one of them has changed since it was looked at.

    Raises:
        XgitError: one has changed, or git could not write.
    """
    changes = [RefChange(ref, oid, None) for one in doomed for ref, oid in one.tags.items()]
    if not change_refs(repo, changes):
        raise XgitError("a tag has changed meanwhile, and nothing was removed", "try again")


def remove_there(repo: Repo, doomed: Sequence[Doomed], remote: Remote, watch: Watch) -> None:
    """Remove all of the tags on the remote, or none.

    Raises:
        XgitError: the remote does not do it, or one has changed since it was looked at.
    """
    tags = {ref: oid for one in doomed for ref, oid in one.tags.items()}
    answer = transport.delete_refs(repo, remote.name, tags, watch)
    if answer.code == 0:
        return
    if answer.refused:
        reasons = sorted(answer.refused.items(), key=lambda item: "atomic" in item[1])
        name = reasons[0][0].removeprefix("refs/tags/")
        told = refusal(reasons[0][1], answer.said)
        raise XgitError(f"{remote.name} removed nothing: {name}: {told}")
    raise explain(remote, "remove anything from", answer.said)
