"""The noun of what is said of an experiment after the fact; see `events` for its written form."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

Kind = Literal["label", "unlabel", "note"]


class Event(NamedTuple):
    """A label that was put on or taken off, or a note; `text` is the label, or what was noted."""

    at: datetime
    by: str
    kind: Kind
    text: str
