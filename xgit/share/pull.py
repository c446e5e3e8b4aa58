"""Pull experiments, the verdicts on them, and what was said of them; nothing here is overwritten.

What is new is found by asking the remote for its names, and fetched some hundred at a time: a
pull that was killed anywhere is finished by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from xgit.errors import XgitError
from xgit.git import transport
from xgit.git.plumbing import Repo
from xgit.git.references import pack_tags, ref_ids
from xgit.record import refs
from xgit.share.events import pull_events
from xgit.share.nouns import Conflict, NotTaken, Pulled, Remote, Watch
from xgit.share.tags import experiment_of, refs_of
from xgit.share.trouble import explain, words
from xgit.share.verdicts import settle_numbers

AT_ONCE = 500
MOST_UNWANTED = 100
PACKED_FROM = 1000  # new tags; so many files are slow to list
_OF_ONE = re.compile(
    r"fsck|index-pack failed|bad (object|tag|tree)|invalid (object|index-pack)|unpack|"
    r"cannot lock ref|unable to (create|update)|would clobber|couldn't find remote ref|"
    r"some local refs could not be updated|not our ref|did not send all necessary objects",
    re.IGNORECASE,
)
_OF_ALL = re.compile(r"no space left|read-only|permission denied|disk quota", re.IGNORECASE)
_TAGS = "refs/tags/"
_STRANGE = "its name is not one that xgit gives"
_GONE = "it is not on the remote any more"


def pull(repo: Repo, remote: Remote, watch: Watch) -> Pulled:
    """Fetch what is new on the remote.

    Raises:
        XgitError: the remote cannot be reached, or this repository cannot be written.
    """
    there = refs_of(repo, remote)
    notes = settle_numbers(repo, there)
    here = ref_ids(repo, *refs.PROTECTED_PREFIXES)
    found = {ref: oid for ref, oid in there.items() if ref.startswith(refs.PROTECTED_PREFIXES)}
    named = {ref: oid for ref, oid in found.items() if experiment_of(ref) is not None}
    conflicts = _conflicts(here, named)
    new = {ref: oid for ref, oid in named.items() if ref not in here}
    unwanted = [ref for ref in found if ref not in new and here.get(ref) != found[ref]]
    trouble = _fetch_all(repo, remote, sorted(new), unwanted, watch)
    have = ref_ids(repo, *refs.PROTECTED_PREFIXES) if new else here
    taken = [ref for ref in new if ref in have]
    conflicts += _conflicts(have, {ref: new[ref] for ref in taken})
    events = 0
    if refs.NOTES_REF in there:
        events = pull_events(repo, remote, there[refs.NOTES_REF], watch)
    strange = [NotTaken(_name(ref), _STRANGE) for ref in found if ref not in named]
    lacking = [NotTaken(_name(ref), trouble.get(ref, _GONE)) for ref in new if ref not in have]
    return Pulled(
        remote,
        tuple(filter(None, map(refs.parse_ref, taken))),
        tuple(_name(ref) for ref in taken if refs.parse_verdict_ref(ref)),
        tuple(conflicts),
        (*strange, *lacking),
        events,
        (*notes, *_shallow_note(repo, taken)),
    )


def _name(ref: str) -> str:
    return ref.removeprefix(_TAGS)


def _conflicts(here: Mapping[str, str], there: Mapping[str, str]) -> list[Conflict]:
    return [
        Conflict(_name(ref), here[ref], oid)
        for ref, oid in there.items()
        if here.get(ref, oid) != oid
    ]


def _shallow_note(repo: Repo, taken: Sequence[str]) -> Iterator[str]:
    if repo.shallow and taken:
        yield (
            "this clone is shallow: of what the experiments build on, only that is here which is "
            "not older than it reaches; git fetch --unshallow brings the rest"
        )


# ---------------------------------------------------------------- fetching


def _fetch_all(
    repo: Repo, remote: Remote, names: Sequence[str], unwanted: Sequence[str], watch: Watch
) -> dict[str, str]:
    """Fetch the refs; for each that could not be had, why.

    Args:
        unwanted: others that the remote has under the same prefixes, and that stay there.
    """
    trouble: dict[str, str] = {}
    left = list(names)
    if len(names) > AT_ONCE and len(unwanted) <= MOST_UNWANTED:
        # By pattern is twice as fast as name by name; git takes a ref that has a `^` out of it.
        patterns = [f"{prefix}*:{prefix}*" for prefix in refs.PROTECTED_PREFIXES]
        wanted = [*patterns, *(f"^{ref}" for ref in unwanted)]
        transport.fetch_refs(repo, remote.name, wanted, watch)
        have = ref_ids(repo, *refs.PROTECTED_PREFIXES)
        left = [ref for ref in names if ref not in have]
    for at in range(0, len(left), AT_ONCE):
        watch("pulling tags", at, len(left))
        trouble |= _fetch(repo, remote, left[at : at + AT_ONCE], watch)
    if len(names) >= PACKED_FROM:
        pack_tags(repo)
    return trouble


def _fetch(repo: Repo, remote: Remote, names: Sequence[str], watch: Watch) -> dict[str, str]:
    """Fetch a few; where one of them is bad, the others are found by halving.

    Raises:
        XgitError: it failed for a reason that none of them can be blamed for.
    """
    answer = transport.fetch_refs(repo, remote.name, [f"{ref}:{ref}" for ref in names], watch)
    if answer.code == 0:
        return {}
    if _OF_ALL.search(answer.said):
        raise XgitError(f"what {remote.name} has cannot be kept: {words(answer.said)}", "df -h .")
    if not _OF_ONE.search(answer.said):
        raise explain(remote, "fetch from", answer.said)
    there = ref_ids(repo, *names) if len(names) == 1 else ref_ids(repo, *refs.PROTECTED_PREFIXES)
    left = [ref for ref in names if ref not in there]
    if len(left) <= 1:
        return {ref: words(answer.said) for ref in left}
    middle = len(left) // 2
    first = _fetch(repo, remote, left[:middle], watch)
    return first | _fetch(repo, remote, left[middle:], watch)
