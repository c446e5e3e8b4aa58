"""The grammar of ids and refs: format and parse, inverse pairs."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

from xgit.errors import XgitError

EXPERIMENT_PREFIX = "refs/tags/experiment/"
REPRODUCTION_PREFIX = "refs/tags/reproduction/"
NOTES_REF = "refs/notes/xgit"
"""What was said of experiments after the fact; it grows, and that of clones is merged."""
REMOTE_NOTES_PREFIX = "refs/xgit/notes/"
"""The notes of each remote as they were seen last, by its name."""
PROTECTED_PREFIXES = (EXPERIMENT_PREFIX, REPRODUCTION_PREFIX)
"""Refs that are made once and never moved: what was said of them must stay true."""
TAG_PREFIX = EXPERIMENT_PREFIX.removeprefix("refs/tags/")
VERDICT_TAG_PREFIX = REPRODUCTION_PREFIX.removeprefix("refs/tags/")

ID_GRAMMAR = re.compile(r"[0-9a-z][0-9a-z-]{0,62}(\.[0-9]+)?")
NUMBER_GRAMMAR = re.compile(r"[1-9][0-9]{0,8}")
LAST_NUMBER = 10**9 - 1  # the highest that the grammar has
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud without doubt


def new_id(now: datetime, letters: str | None = None) -> str:
    """`YYYYMMDD-HHMMSS-xxxx` in UTC; `letters` are the four random ones, drawn when None."""
    drawn = letters or "".join(_BASE32[byte % len(_BASE32)] for byte in os.urandom(4))
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{drawn}"


def check_id(text: str) -> str:
    """The id itself, if it follows the grammar.

    Raises:
        XgitError: it does not.
    """
    if ID_GRAMMAR.fullmatch(text):
        return text
    raise XgitError(
        f"{text!r} cannot be the name of an experiment",
        "use lower-case letters, digits and hyphens, at most 63, such as --name wider-net-2",
    )


def format_ref(experiment_id: str) -> str:
    """`refs/tags/experiment/<id>`."""
    return EXPERIMENT_PREFIX + check_id(experiment_id)


def parse_ref(ref: str) -> str | None:
    """The id in a full ref name, or None when the ref is no experiment."""
    if not ref.startswith(EXPERIMENT_PREFIX):
        return None
    rest = ref.removeprefix(EXPERIMENT_PREFIX)
    return rest if ID_GRAMMAR.fullmatch(rest) else None


def format_verdict_ref(experiment_id: str, number: int) -> str:
    """`refs/tags/reproduction/<id>/<n>`, n from 1.

    Raises:
        XgitError: the id or the number does not follow the grammar.
    """
    if not NUMBER_GRAMMAR.fullmatch(str(number)):
        raise XgitError(f"{number} cannot be the number of a verdict", "the first is 1")
    return f"{verdicts_prefix(experiment_id)}{number}"


def parse_verdict_ref(ref: str) -> tuple[str, int] | None:
    """The id and the number in a full ref name, or None when the ref is no verdict."""
    if not ref.startswith(REPRODUCTION_PREFIX):
        return None
    experiment_id, _, number = ref.removeprefix(REPRODUCTION_PREFIX).partition("/")
    if not ID_GRAMMAR.fullmatch(experiment_id) or not NUMBER_GRAMMAR.fullmatch(number):
        return None
    return experiment_id, int(number)


def verdicts_prefix(experiment_id: str) -> str:
    """What the refs of all verdicts on one experiment begin with, its last `/` included.

    Raises:
        XgitError: the id does not follow the grammar.
    """
    return f"{REPRODUCTION_PREFIX}{check_id(experiment_id)}/"


def format_verdict_tag(experiment_id: str, number: int) -> str:
    """`reproduction/<id>/<n>`, the name as git's own commands take it."""
    return format_verdict_ref(experiment_id, number).removeprefix("refs/tags/")


def format_tag(experiment_id: str) -> str:
    """`experiment/<id>`, the name as git's own commands take it."""
    return TAG_PREFIX + experiment_id


def parse_tag(text: str) -> str:
    """What is left of a user's `experiment/<id>`, `refs/tags/experiment/<id>` or `<id>`."""
    return text.removeprefix("refs/tags/").removeprefix(TAG_PREFIX)
