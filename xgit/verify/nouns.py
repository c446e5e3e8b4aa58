"""The nouns of `xgit exp verify`: one check, and all of them about one tag."""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["passed", "failed", "unknown"]

CHECKS = {
    "tag": "it is an annotated tag of one commit, and is called what its ref is called",
    "objects": "every byte that was read has the id under which it lies",
    "signature": "someone you trust has signed it",
    "people": "tagger, author and committer are the author in the record",
    "parent": "the record commit has one parent, the commit that ran",
    "tree": "the record commit changes nothing beside `.xgit/`",
    "record": "the record fits its schema, is about this id, and is written as xgit writes it",
    "files": "`.xgit/` has what a record has, and every file agrees with the record",
    "values": "params.yaml and metrics.jsonl agree with the record",
    "summary": "the tag's message says what the record says",
    "artifacts": "every stored artifact has its recorded hash",
    "pins": "the recorded data is what the commit that ran pins",
    "data": "the data is on its DVC remote now",
    "code": "a branch of a remote has the commit that ran",
    "remote": "the remotes that have the tag have the same one",
    "verdict": "a verdict is about the experiment as it is here",
}
"""What each check says when it passes, in the order of the report."""


class Check(NamedTuple):
    """One check of a tag.

    Attributes:
        name: a key of `CHECKS`.
        outcome: `unknown` says neither yes nor no: something needed is not here, or nobody says.
        told: what was found, in one line; words of the repository are in it as they are.
        remedy: the command that mends it or tells more, or None.
    """

    name: str
    outcome: Outcome
    told: str
    remedy: str | None = None


class Verified(NamedTuple):
    """All checks of one tag, in the order of `CHECKS`.

    Attributes:
        ref: its full name.
        tag: the id of the tag object; empty where there is none.
    """

    ref: str
    tag: str
    checks: tuple[Check, ...]

    @property
    def verified(self) -> bool:
        """Whether no check failed; some may not have been possible."""
        return all(check.outcome != "failed" for check in self.checks)

    @property
    def unknown(self) -> int:
        """How many checks were not possible."""
        return sum(check.outcome == "unknown" for check in self.checks)


def passed(name: str, told: str = "") -> Check:
    """It is as it should be; told in the words of `CHECKS` where nothing else is."""
    return Check(name, "passed", told or CHECKS[name])


def failed(name: str, told: str, remedy: str | None = None) -> Check:
    """It is not."""
    return Check(name, "failed", told, remedy)


def unknown(name: str, told: str, remedy: str | None = None) -> Check:
    """Nobody can say."""
    return Check(name, "unknown", told, remedy)
