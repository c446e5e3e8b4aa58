"""What is said of an experiment after the fact: labels, and notes, as lines that can be merged.

Each event is one line of JSON, and a log is the sorted set of its lines. Two logs become one by
putting their lines together, in any order and any number of times, and the result is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, get_args

from xgit.errors import XgitError
from xgit.record.json_form import format_time, parse_time
from xgit.record.said import Event, Kind

LONGEST_LABEL: Final = 200  # characters
LONGEST_NOTE: Final = 10_000
MOST_EVENTS = 1000  # of one experiment that are looked at
LOG_LIMIT_BYTES = 4 * 1024 * 1024
_TICK = timedelta(microseconds=1)


def format_event(event: Event) -> str:
    """One line, without its newline; lines sort by time, as that key comes first."""
    document = {"at": format_time(event.at), "by": event.by, "op": event.kind, "text": event.text}
    return json.dumps(document, separators=(",", ":"))


def parse_event(line: str) -> Event | None:
    """The inverse of `format_event`; None for any other line, which may be a stranger's."""
    try:
        doc = json.loads(line)
        event = Event(parse_time(doc["at"]), doc["by"], doc["op"], doc["text"])
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None
    fits = isinstance(event.by, str) and isinstance(event.text, str)
    known = event.kind in get_args(Kind)
    longest = LONGEST_NOTE if event.kind == "note" else LONGEST_LABEL
    return event if fits and known and 0 < len(event.text) <= longest else None


def parse_log(content: bytes) -> tuple[Event, ...]:
    """The events of a log in the order of time; other lines are passed over."""
    lines = sorted(lines_of(content))[:MOST_EVENTS]
    return tuple(event for event in map(parse_event, lines) if event is not None)


def lines_of(content: bytes) -> set[str]:
    """The lines of a log, whatever stands in them."""
    return {line for line in content.decode("utf-8", "replace").split("\n") if line.strip()}


def join_lines(lines: Iterable[str]) -> bytes:
    """The log of these lines."""
    return "".join(f"{line}\n" for line in sorted(set(lines))).encode()


def after(events: Iterable[Event], now: datetime) -> datetime:
    """The time of a further event: now, or just after the last one where its clock was ahead."""
    last = max((event.at for event in events), default=now - _TICK)
    return max(now, last + _TICK)


def labels_after(recorded: Iterable[str], events: Iterable[Event]) -> tuple[str, ...]:
    """The labels that hold: those recorded, and what became of them since."""
    held = dict.fromkeys(recorded)
    for event in events:
        if event.kind == "label":
            held[event.text] = None
        elif event.kind == "unlabel":
            held.pop(event.text, None)
    return tuple(held)


def notes_in(events: Iterable[Event]) -> tuple[Event, ...]:
    """The notes alone, the oldest first."""
    return tuple(event for event in events if event.kind == "note")


def check_label(text: str) -> str:
    """The label without the spaces around it.

    Raises:
        XgitError: it is empty, too long, or has characters that are no text.
    """
    return _checked(text, "label", LONGEST_LABEL, lines=False)


def check_note(text: str) -> str:
    """The note without the space around it.

    Raises:
        XgitError: it is empty, too long, or has characters that are no text.
    """
    return _checked(text, "note", LONGEST_NOTE, lines=True)


def _checked(text: str, what: str, longest: int, *, lines: bool) -> str:
    kept = text.strip()
    if not kept:
        raise XgitError(f"the {what} is empty")
    if len(kept) > longest:
        raise XgitError(f"the {what} has {len(kept)} characters, and {longest} are the most")
    if not all(_is_text(part) for part in (kept.splitlines() if lines else [kept])):
        raise XgitError(f"the {what} has control characters in it")
    return kept


def _is_text(line: str) -> bool:
    return line.replace("\t", " ").isprintable()
