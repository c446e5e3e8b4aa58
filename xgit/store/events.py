"""Labels and notes after the fact: a tree of logs under `refs/notes/xgit`, laid out as git notes.

Each log is called after the record commit that it tells of, so that `git log --notes=xgit` shows
it. Nothing is ever taken out: what two clones wrote is merged line by line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from xgit.errors import XgitError
from xgit.git import objects as git_objects
from xgit.git import pack as packs
from xgit.git.plumbing import Repo, git_done, git_success, identity_line, identity_now
from xgit.git.references import RefChange, change_refs, ref_ids
from xgit.record import refs
from xgit.record.events import LOG_LIMIT_BYTES, format_event, join_lines, lines_of, parse_log
from xgit.record.said import Event

Logs = Mapping[str, str]
"""Record commit to the blob of its log."""
_HEX = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST_LOGS = 200_000
_TRIES = 50  # of a write that others were quicker at
_OWNER = "notes"


def head(repo: Repo) -> str | None:
    """The newest commit of the notes, or None where there are none."""
    return ref_ids(repo, refs.NOTES_REF).get(refs.NOTES_REF)


def read_events(repo: Repo, commits: Iterable[str] | None = None) -> dict[str, tuple[Event, ...]]:
    """What was said of each record commit; of those alone that matter, where they are given."""
    logs = _logs(repo, refs.NOTES_REF)
    if commits is not None:
        wanted = frozenset(commits)
        logs = {commit: blob for commit, blob in logs.items() if commit in wanted}
    contents = _contents(repo, logs.values())
    return {commit: parse_log(contents[blob]) for commit, blob in logs.items()}


def events_of(repo: Repo, commit: str | None) -> tuple[Event, ...]:
    """What was said of the experiment whose record commit this is."""
    return () if commit is None else read_events(repo, [commit]).get(commit, ())


def add_events(
    repo: Repo, commit: str, make: Callable[[tuple[Event, ...]], Sequence[Event]]
) -> tuple[Event, ...]:
    """Add events to what was said of a record commit, durably, whoever else writes.

    Args:
        make: given what was said so far, what is to be added; nothing is written for none.

    Returns:
        All that was said then.

    Raises:
        XgitError: git could not write.
    """
    for _ in range(_TRIES):
        old = head(repo)
        blob = _logs(repo, old).get(commit) if old else None
        before = _contents(repo, [blob])[blob] if blob else b""
        known = parse_log(before)
        added = tuple(make(known))
        if not added:
            return known
        log = join_lines([*lines_of(before), *map(format_event, added)])
        if len(log) > LOG_LIMIT_BYTES:
            raise XgitError("so much was said of this experiment that no more can be added")
        parents = (old,) if old else ()
        if _write(repo, old, {commit: log}, parents, f"About {commit[:12]}"):
            return parse_log(log)
    raise XgitError("others write labels and notes all the time", "try again")


def merge(repo: Repo, theirs: str) -> int:
    """Make what another clone said part of what is said here.

    Args:
        theirs: the commit of its notes, which is here.

    Returns:
        How many lines are new.

    Raises:
        XgitError: git could not write.
    """
    for _ in range(_TRIES):
        ours = head(repo)
        if ours is not None and _is_ancestor(repo, theirs, ours):
            return 0
        changed, count = _difference(repo, ours, theirs)
        if ours is None or _is_ancestor(repo, ours, theirs):
            done = change_refs(repo, [RefChange(refs.NOTES_REF, ours, theirs)])
        else:
            done = _write(repo, ours, changed, (ours, theirs), "Merge notes of another clone")
        if done:
            return count
    raise XgitError("others write labels and notes all the time", "try again")


def _difference(repo: Repo, ours: str | None, theirs: str) -> tuple[dict[str, bytes], int]:
    """The merged log of each commit of which they say more, and how many lines are theirs."""
    mine = _logs(repo, ours) if ours else {}
    other = {
        commit: blob for commit, blob in _logs(repo, theirs).items() if mine.get(commit) != blob
    }
    contents = _contents(repo, [*other.values(), *(mine[one] for one in other if one in mine)])
    changed: dict[str, bytes] = {}
    count = 0
    for commit, blob in other.items():
        before = lines_of(contents[mine[commit]]) if commit in mine else set()
        new = lines_of(contents[blob]) - before
        log = join_lines(before | new)
        if new and len(log) <= LOG_LIMIT_BYTES:
            changed[commit] = log
            count += len(new)
    return changed, count


def _is_ancestor(repo: Repo, old: str, new: str) -> bool:
    return git_success(repo, "merge-base", "--is-ancestor", old, new)


# ---------------------------------------------------------------- the tree


def _logs(repo: Repo, commit: str) -> dict[str, str]:
    """The logs in the tree of a commit; whatever else is there is passed over."""
    done = git_done(repo, "ls-tree", "-r", "-z", "--full-tree", commit)
    found: dict[str, str] = {}
    if done.returncode:
        return found
    for entry in os.fsdecode(done.stdout).split("\0")[:_MOST_LOGS]:
        about, _, path = entry.partition("\t")
        name = path.replace("/", "")
        if _HEX.fullmatch(name) and " blob " in about:
            found[name] = about.split(" ")[2]
    return found


def _contents(repo: Repo, blobs: Iterable[str]) -> dict[str, bytes]:
    """The content of each blob; empty for one that is too large, or not here."""
    names = list(dict.fromkeys(blobs))
    if not names:
        return {}
    found = git_objects.read_objects(repo, names, limit_bytes=LOG_LIMIT_BYTES)
    return {
        name: content if isinstance(content, bytes) else b""
        for name, content in zip(names, found, strict=True)
    }


def _write(
    repo: Repo,
    old: str | None,
    changed: Mapping[str, bytes],
    parents: tuple[str, ...],
    message: str,
) -> bool:
    """A commit on the notes with these logs changed; False where others were quicker."""
    pack = packs.Pack(repo.object_format)
    root = _entries(repo, old) if old else {}
    for folder in {commit[:2] for commit in changed}:
        inside = _entries(repo, f"{old}:{folder}") if folder in root else {}
        for commit, log in changed.items():
            if commit.startswith(folder):
                root.pop(commit, None)  # where git notes had put it without a directory
                inside[commit[2:]] = (packs.FILE_MODE, pack.add("blob", log))
        root[folder] = (packs.DIRECTORY_MODE, pack.add("tree", _encoded(inside)))
    who = identity_now(identity_line(repo))
    text = packs.commit_text(
        tree=pack.add("tree", _encoded(root)),
        parents=parents,
        author=who,
        committer=who,
        message=message + "\n",
    )
    new = pack.add("commit", text)
    keep = packs.store_pack(repo, pack.stream(), owner=_OWNER)
    try:
        return change_refs(repo, [RefChange(refs.NOTES_REF, old, new)])
    finally:
        keep.unlink(missing_ok=True)


def _entries(repo: Repo, tree: str) -> dict[str, tuple[str, str]]:
    """Mode and id of each entry of one tree, by its name."""
    done = git_done(repo, "ls-tree", "-z", tree)
    rows = (entry.partition("\t") for entry in os.fsdecode(done.stdout).split("\0") if entry)
    return {name: (about.split(" ")[0].lstrip("0"), about.split(" ")[2]) for about, _, name in rows}


def _encoded(entries: Mapping[str, tuple[str, str]]) -> bytes:
    return packs.encode_tree([(mode, name, oid) for name, (mode, oid) in entries.items()])


# ---------------------------------------------------------------- of an experiment


def record_commit(repo: Repo, experiment_id: str) -> str | None:
    """The commit that the tag of an experiment leads to."""
    (found,) = git_objects.object_names(repo, [f"{refs.format_ref(experiment_id)}^{{commit}}"])
    return found


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)
