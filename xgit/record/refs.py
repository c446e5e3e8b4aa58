"""The grammar of ids and refs: format and parse, inverse pairs."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

from xgit.errors import XgitError

EXPERIMENT_PREFIX = "refs/tags/experiment/"
REPRODUCTION_PREFIX = "refs/tags/reproduction/"
PROTECTED_PREFIXES = (EXPERIMENT_PREFIX, REPRODUCTION_PREFIX)
"""Refs that are made once and never moved: what was said of them must stay true."""
TAG_PREFIX = EXPERIMENT_PREFIX.removeprefix("refs/tags/")

ID_GRAMMAR = re.compile(r"[0-9a-z][0-9a-z-]{0,62}(\.[0-9]+)?")
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


def format_tag(experiment_id: str) -> str:
    """`experiment/<id>`, the name as git's own commands take it."""
    return TAG_PREFIX + experiment_id


def parse_tag(text: str) -> str:
    """What is left of a user's `experiment/<id>`, `refs/tags/experiment/<id>` or `<id>`."""
    return text.removeprefix("refs/tags/").removeprefix(TAG_PREFIX)
