"""Labels and notes after the fact: merged across clones, bounded, escaped, and never lost."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import adversary
from tests.conftest import Project
from tests.sharing import clone, exp, hook, on_origin, ours, recorded, start
from tests.untouched import is_sound
from xgit.git.plumbing import open_repo
from xgit.record.events import (
    LOG_LIMIT_BYTES,
    after,
    format_event,
    join_lines,
    labels_after,
    parse_event,
    parse_log,
)
from xgit.record.said import Event
from xgit.store import events as store

NOTES = "refs/notes/xgit"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def shared(project: Project) -> Project:
    """A second clone of the project, both with the experiment `one`."""
    recorded(project, "one", labels=("early",))
    exp(project, "push")
    other = clone(project, "other")
    exp(other, "pull")
    return other


def labels(project: Project) -> list[str]:
    (row,) = json.loads(project.xgit("exp", "list", "--json").stdout)
    found: list[str] = row["labels"]
    return found


def notes(project: Project) -> list[str]:
    document: dict[str, Any] = exp(project, "show", "one")
    return [one["text"] for one in document["said"]["notes"]]


# ---------------------------------------------------------------- the written form


def test_an_event_is_a_line_and_back() -> None:
    event = Event(NOON, 'Ada "the" first', "note", "two\nlines\u2028é")
    line = format_event(event)
    assert "\n" not in line
    assert line.isascii()
    assert parse_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "null", '{"at": 1}', "[" * 100_000, "x" * 100,
        '{"at":"2026-11-23T12:00:00Z","by":1,"op":"note","text":"x"}',
        '{"at":"2026-11-23T12:00:00Z","by":"a","op":"evil","text":"x"}',
        '{"at":"2026-11-23T12:00:00Z","by":"a","op":"note","text":""}',
        '{"at":"2026-11-23T12:00:00Z","by":"a","op":["note"],"text":"x"}',
        '{"at":"9999-99-99","by":"a","op":"note","text":"x"}',
        json.dumps({"at": "2026-11-23T12:00:00Z", "by": "a", "op": "label", "text": "x" * 999}),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_passed_over(line: str) -> None:
    assert parse_event(line) is None
    good = format_event(Event(NOON, "Ada", "note", "fine"))
    assert [one.text for one in parse_log(f"{line}\n{good}\n".encode())] == ["fine"]


def test_of_one_label_the_last_word_counts_in_any_order_of_merging() -> None:
    said = [
        Event(NOON + timedelta(seconds=at), "Ada", kind, "x")  # type: ignore[arg-type]
        for at, kind in enumerate(("label", "unlabel", "label", "unlabel"))
    ]
    for order in (said, said[::-1], [*said, *said]):
        merged = parse_log(join_lines(map(format_event, order)))
        assert labels_after(("early",), merged) == ("early",)
        assert labels_after(("early",), merged[:3]) == ("early", "x")


def test_a_clock_that_goes_backwards_does_not_lose_the_last_word() -> None:
    ahead = Event(NOON + timedelta(days=1), "Ada", "label", "x")
    assert after([ahead], NOON) > ahead.at
    assert after([], NOON) == NOON


# ---------------------------------------------------------------- here


def test_labels_are_put_on_and_taken_off(project: Project) -> None:
    recorded(project, "one", labels=("early",))
    tag = ours(project, "refs/tags/experiment/one")
    assert exp(project, "label", "one", "paper", "+best")["labels"] == ["early", "paper", "best"]
    assert labels(project) == ["early", "paper", "best"]
    assert exp(project, "label", "@", "--remove", "early")["labels"] == ["paper", "best"]
    assert labels(project) == ["paper", "best"]
    found = project.xgit("exp", "list", "--where", "'paper' in labels", "--json").stdout
    assert len(json.loads(found)) == 1
    assert (
        json.loads(project.xgit("exp", "list", "--where", "'early' in labels", "--json").stdout)
        == []
    )
    assert "paper, best" in project.xgit("exp", "show", "one").stdout
    assert ours(project, "refs/tags/experiment/one") == tag
    assert is_sound(project)


def test_the_same_label_again_writes_nothing(project: Project) -> None:
    recorded(project, "one")
    exp(project, "label", "one", "paper")
    before = ours(project, NOTES)
    exp(project, "label", "one", "paper", "--remove", "never")
    assert ours(project, NOTES) == before


def test_notes_are_added(project: Project) -> None:
    recorded(project, "one")
    exp(project, "note", "one", "first\nsecond line")
    path = project.root.parent / "analysis.txt"
    path.write_text("from a file\n", encoding="utf-8")
    exp(project, "note", "one", "-F", str(path))
    assert notes(project) == ["first\nsecond line", "from a file"]
    said = project.xgit("exp", "note", "one").stdout
    assert "Ada Lovelace, " in said
    assert "  second line" in said
    assert "from a file" in project.xgit("exp", "show", "one").stdout
    assert "from a file" in project.git("log", "-1", "--notes=xgit", "experiment/one")


def test_a_note_from_stdin(project: Project) -> None:
    recorded(project, "one")
    adversary.shell(project, "echo piped | xgit exp note one -F -")
    assert notes(project) == ["piped"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("label", "one", ""), "empty"),
        (("label", "one", "x" * 201), "201 characters"),
        (("label", "one", "a\x1b[31m"), "control characters"),
        (("label", "one", "a", "--remove", "a"), "at once"),
        (("label", "none", "a"), "no experiment"),
        (("note", "one", " "), "empty"),
        (("note", "one", "x" * 10_001), "10001 characters"),
        (("note", "one", "a\x07b"), "control characters"),
        (("note", "one", "a", "-F", "b"), "either"),
        (("note", "one", "-F", "/nowhere"), "No such file"),
    ],
)
def test_what_is_no_label_and_no_note(project: Project, args: tuple[str, ...], said: str) -> None:
    recorded(project, "one")
    done = adversary.xgit(project, "exp", *args)
    adversary.assert_error(done, 2, said)


def test_secrets_are_masked(project: Project) -> None:
    recorded(project, "one")
    env = {"DB_PASSWORD": "hunter2hunter2"}
    project.xgit("exp", "note", "one", "it is hunter2hunter2 at https://a:b@host/", env=env)
    project.xgit("exp", "label", "one", "hunter2hunter2", env=env)
    assert notes(project) == ["it is *** at https://***@host/"]
    assert labels(project) == ["***"]


def test_thirty_writers_at_once_lose_nothing(project: Project) -> None:
    recorded(project, "one")
    running = [start(project, "exp", "label", "one", f"l{number}") for number in range(15)]
    running += [start(project, "exp", "note", "one", f"n{number}") for number in range(15)]
    ended = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 30, ended
    assert sorted(labels(project)) == sorted(f"l{number}" for number in range(15))
    assert sorted(notes(project)) == sorted(f"n{number}" for number in range(15))
    assert is_sound(project)


# ---------------------------------------------------------------- across clones


def test_what_two_clones_say_becomes_one(project: Project) -> None:
    other = shared(project)
    exp(project, "label", "one", "ours")
    exp(other, "label", "one", "theirs", "--remove", "early")
    exp(project, "note", "one", "a note of ours")
    exp(other, "note", "one", "a note of theirs")
    assert exp(project, "push")["said"]
    assert exp(other, "push")["said"]
    assert exp(project, "pull")["events"] == 3
    assert exp(other, "pull")["events"] == 0
    for one in (project, other):
        assert sorted(labels(one)) == ["ours", "theirs"]
        assert notes(one) == ["a note of ours", "a note of theirs"]
    assert ours(project, NOTES) == ours(other, NOTES) == on_origin(project, "refs/notes")[NOTES]
    assert is_sound(project)
    assert is_sound(other)


def test_racing_pushers_both_survive(project: Project) -> None:
    recorded(project, "one")
    exp(project, "push")
    clones = [clone(project, f"clone-{number}") for number in range(6)]
    for number, one in enumerate(clones):
        exp(one, "pull")
        exp(one, "label", "one", f"l{number}")
    running = [start(one, "exp", "push") for one in clones]
    ended = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 6, ended
    exp(project, "pull")
    assert set(labels(project)) >= {f"l{number}" for number in range(6)}


def test_a_remote_that_takes_no_notes_takes_the_tags(project: Project) -> None:
    recorded(project, "one")
    exp(project, "label", "one", "x")
    hook(project, "update", 'case $1 in refs/notes/*) echo "no notes here"; exit 1;; esac')
    document = exp(project, "push")
    assert [one["state"] for one in document["experiments"]] == ["pushed"]
    assert any("no notes here" in note for note in document["notes"])


# ---------------------------------------------------------------- of strangers


def hostile(project: Project, content: bytes) -> None:
    """Notes on the origin as a stranger may have pushed them."""
    commit = ours(project, "refs/tags/experiment/one^{commit}")
    subprocess.run(
        ["git", "notes", "--ref=xgit", "add", "-f", "-F", "-", commit],
        cwd=project.root, input=content, check=True, capture_output=True,
    )  # fmt: skip
    project.git("push", "--quiet", "origin", NOTES)
    project.git("update-ref", "-d", NOTES)


def test_terminal_sequences_are_shown_and_not_obeyed(project: Project) -> None:
    other = shared(project)
    evil = Event(NOON, "\x1b]0;x\x07Eve", "note", "\x1b[2Jgone\u202e")
    label = Event(NOON, "Eve", "label", "\x1b[31mred")
    hostile(project, join_lines([format_event(evil), format_event(label)]))
    exp(other, "pull")
    for args in (("show", "one"), ("list", "--columns", "id,labels"), ("note", "one"),
                 ("label", "one"), ("list", "--json"), ("show", "one", "--json")):  # fmt: skip
        done = adversary.xgit(other, "exp", *args)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"{" * 500_000, b"x" * (LOG_LIMIT_BYTES + 1), b"plain words\n"],
    ids=["binary", "deep", "huge", "words"],
)
def test_junk_does_no_harm_and_what_we_say_stays(project: Project, content: bytes) -> None:
    other = shared(project)
    exp(other, "label", "one", "ours")
    if b"\x00" not in content:
        hostile(project, content)
    exp(other, "pull")
    exp(other, "push")
    assert labels(other) == ["early", "ours"]
    assert is_sound(other)


def test_notes_that_git_wrote_in_another_layout_are_read(project: Project) -> None:
    other = shared(project)
    exp(other, "label", "one", "ours")
    line = format_event(Event(NOON, "Eve", "label", "flat"))
    hostile(project, f"{line}\n".encode())
    exp(other, "pull")
    assert sorted(labels(other)) == ["early", "flat", "ours"]
    exp(other, "label", "one", "more")
    assert sorted(labels(other)) == ["early", "flat", "more", "ours"]
    assert is_sound(other)


def test_a_log_that_is_full_takes_no_more(project: Project) -> None:
    recorded(project, "one")
    repo = open_repo(project.root)
    commit = store.record_commit(repo, "one")
    assert commit is not None
    count = LOG_LIMIT_BYTES // 9100
    many = [Event(NOON, "Ada", "note", f"{number:05}" + "x" * 9000) for number in range(count)]
    store.add_events(repo, commit, lambda known: many)
    done = project.xgit("exp", "note", "one", "y" * 10_000)
    while done.returncode == 0 and len(notes(project)) < count + 10:
        done = project.xgit("exp", "note", "one", "y" * 10_000)
    adversary.assert_error(done, 2, "no more can be added")
    assert len(notes(project)) >= count
