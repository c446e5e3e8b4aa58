"""Checks of the tag itself: its name, its signature, and the people in it."""

from __future__ import annotations

from typing import Final

from xgit.git import raw
from xgit.git.plumbing import Repo
from xgit.git.raw import Malformed
from xgit.git.signature import Signature, verify_tag
from xgit.record.json_form import to_json
from xgit.record.model import Person
from xgit.verify.nouns import Check, failed, passed, unknown
from xgit.verify.stored import Stored

_UNSURE: Final = ("none", "cannot-check")
_CLOCK_SECONDS = 24 * 3600  # how far a tag may be from its commit: git asks for a passphrase


def check_tag(it: Stored) -> Check:
    """A signature says nothing of the ref a tag lies under; the name inside must be the ref's."""
    if it.tag.name != it.name:
        told = f"the tag that lies here is called {it.tag.name}"
        return failed("tag", told, f"git cat-file tag {it.name}")
    return passed("tag")


def check_signature(repo: Repo, it: Stored, *, required: bool) -> Check:
    """Who signed it, if anyone did, and whether this user trusts them.

    Args:
        required: whether it fails where there is no signature, or none that can be checked.
    """
    if it.tag.behind.strip():
        told = "something that nobody signed follows its signature"
        return failed("signature", told, f"git cat-file tag {it.name}")
    found = verify_tag(raw.as_stored(repo), it.oid)
    told = _told(found)
    if found.kind == "good":
        return _of_tagger(found, told, it)
    if found.kind in _UNSURE and not required:
        return unknown("signature", told, found.remedy or _how_to_sign(found))
    return failed("signature", told, found.remedy or _how_to_sign(found))


def _how_to_sign(found: Signature) -> str | None:
    return "git config --global tag.gpgSign true" if found.kind == "none" else None


def _told(found: Signature) -> str:
    who = found.signer or found.key
    key = f" ({found.key})" if found.signer and found.key else ""
    signed = f"{found.format} signature of {who}{key}" if who else f"{found.format} signature"
    ignored = (
        f"; not used, since they are of this repository's own configuration: "
        f"{', '.join(found.ignored)}"
        if found.ignored
        else ""
    )
    if found.kind == "none":
        return f"not signed, so nobody vouches for who made it{ignored}"
    if found.kind == "good":
        return f"good {signed}{ignored}"
    return f"{signed}: {found.why}{ignored}"


def _of_tagger(found: Signature, told: str, it: Stored) -> Check:
    """A good signature may be that of another than the tag names: both addresses are compared."""
    signer, tagger = _address(found.signer), _address(it.tag.tagger)
    if "@" in signer and signer != tagger:
        return unknown("signature", f"{told}; the tag itself names {tagger}")
    return passed("signature", told)


def _address(text: str) -> str:
    """`name@host`, from `Name <name@host> …` or by itself."""
    inside = text.partition("<")[2].partition(">")[0]
    return (inside or text).casefold()


def check_people(it: Stored, author: Person) -> Check:
    """They are one person, as xgit writes them, and the tag is as old as its commit.

    Args:
        author: as the record has it; of a verdict, who reproduced.
    """
    lines = {"author": it.commit.author, "committer": it.commit.committer, "tagger": it.tag.tagger}
    try:
        moments = {name: raw.parse_moment(line) for name, line in lines.items()}
    except Malformed as error:
        return failed("people", str(error))
    recorded = str(to_json(f"{author.name} <{author.email}>"))
    people = {str(to_json(one.who)) for one in moments.values()}
    if len(people) > 1:
        told = ", ".join(f"the {name} is {one.who}" for name, one in moments.items())
        return failed("people", f"they are not one: {told}")
    made, tagged = moments["committer"].seconds, moments["tagger"].seconds
    if not -_CLOCK_SECONDS <= tagged - made <= _CLOCK_SECONDS:
        days = abs(tagged - made) // _CLOCK_SECONDS
        return failed("people", f"tag and commit were made {days} days apart")
    if people != {recorded}:
        return unknown("people", f"{people.pop()} recorded it, and names {recorded} as the author")
    return passed("people")
