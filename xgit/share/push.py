"""Push experiments: data, then code, then tags, then what was said of them later.

What is done already is read from the remotes themselves, so a push that was killed anywhere is
finished by the next one, and nothing has to be cleaned up.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.record.model import Broken, Summary
from xgit.share.code import push_code
from xgit.share.data import DataPush, push_data
from xgit.share.events import EventsPush, push_events
from xgit.share.nouns import Pushed, Remote, Sent, State, Watch
from xgit.share.recorded import recorded_pins
from xgit.share.tags import Refused, experiment_of, local_tags, push_tags, refs_of
from xgit.share.trouble import mend
from xgit.share.verdicts import settle_numbers
from xgit.store.experiments import list_summaries


class _Plan(NamedTuple):
    """What there is to do, each by full ref name.

    Attributes:
        rows: the experiments that are asked for, by id.
        new: tags that the remote lacks, to the object here.
        conflicts: tags that are another object on the remote, to that object.
    """

    rows: Mapping[str, Summary | Broken]
    tags: Mapping[str, str]
    new: Mapping[str, str]
    conflicts: Mapping[str, str]


def push(
    repo: Repo,
    remote: Remote,
    ids: Sequence[str] | None,
    watch: Watch,
    *,
    dry_run: bool = False,
) -> Pushed:
    """Push the experiments, or all of them when `ids` is None.

    An experiment whose data is on no DVC remote afterwards goes no further; the others do.

    Raises:
        XgitError: the remote cannot be reached or written to, or DVC's configuration not read.
    """
    there = refs_of(repo, remote)
    renumbered = [] if dry_run else settle_numbers(repo, there)
    plan = _plan(repo, ids, there)
    data = _push_data(repo, plan, watch, asked=ids is not None, dry_run=dry_run)
    stopped = {**_unreadable(plan), **_lacking(data)}
    held = {one for one in stopped if refs.format_ref(one) in plan.new}
    going = {ref: oid for ref, oid in plan.new.items() if _id(ref) not in held}
    fresh = [plan.rows[one] for one in dict.fromkeys(map(_id, going))]
    summaries = [row for row in fresh if isinstance(row, Summary)]
    code = push_code(repo, remote, summaries, there, watch, dry_run=dry_run)
    refused = push_tags(repo, remote, going, watch) if going and not dry_run else {}
    said = EventsPush(pushed=False, taken=0)
    if not dry_run:
        said = push_events(repo, remote, there, watch)
    done: State = "would-push" if dry_run else "pushed"
    verdicts = Counter(_id(ref) for ref in going if ref not in refused and not refs.parse_ref(ref))
    sent = [
        (stopped.get(one) or _sent(plan, one, going, refused, done))._replace(
            verdicts=verdicts[one]
        )
        for one in plan.rows
    ]
    notes = [*renumbered, *data.notes, *code.notes]
    if said.trouble:
        notes.append(f"labels and notes are not on {remote.name}: {said.trouble}")
    told = tuple(_with_advice(remote, one) for one in sent)
    lost = () if dry_run else tuple(_refused_verdicts(plan, refused, remote))
    return Pushed(remote, told, code.branches, data.pushed, tuple(notes), said.pushed, lost)


def _plan(repo: Repo, ids: Sequence[str] | None, there: Mapping[str, str]) -> _Plan:
    every = {row.id: row for row in list_summaries(repo, deep=False)}
    named = every if ids is None else dict.fromkeys(ids)
    rows = {one: every[one] for one in named if refs.ID_GRAMMAR.fullmatch(one)}
    tags = local_tags(repo, tuple(rows))
    new = {ref: oid for ref, oid in tags.items() if ref not in there}
    others = {ref: there[ref] for ref, oid in tags.items() if there.get(ref, oid) != oid}
    taken = {_id(ref) for ref in others if refs.parse_ref(ref)}
    # A verdict on another experiment of the same name says nothing of the one that is there.
    new = {ref: oid for ref, oid in new.items() if _id(ref) not in taken}
    return _Plan(rows, tags, new, others)


def _id(ref: str) -> str:
    found = experiment_of(ref)
    assert found is not None
    return found


def _push_data(repo: Repo, plan: _Plan, watch: Watch, *, asked: bool, dry_run: bool) -> DataPush:
    """The data of what is new; of experiments that were named also where the tag is there."""
    taken = {_id(ref) for ref in plan.conflicts if refs.parse_ref(ref)}
    new = {_id(ref) for ref in plan.new if refs.parse_ref(ref)}
    ids = [
        one
        for one, row in plan.rows.items()
        if isinstance(row, Summary) and one not in taken and (asked or one in new)
    ]
    return push_data(repo, recorded_pins(repo, ids), watch, dry_run=dry_run)


def _unreadable(plan: _Plan) -> dict[str, Sent]:
    return {
        one: Sent(one, "refused", f"it cannot be read: {row.reason}")
        for one, row in plan.rows.items()
        if isinstance(row, Broken) and refs.format_ref(one) in plan.new
    }


def _lacking(data: DataPush) -> dict[str, Sent]:
    return {one: Sent(one, "refused", lack.reason, lack.hint) for one, lack in data.lacks.items()}


# ---------------------------------------------------------------- telling


def _sent(
    plan: _Plan, one: str, going: Mapping[str, str], refused: Mapping[str, Refused], done: State
) -> Sent:
    """What became of one experiment; `done` is what to call it where it was its turn."""
    ref = refs.format_ref(one)
    other = plan.conflicts.get(ref) or (refused[ref].other if ref in refused else None)
    if other is not None:
        return _conflict(plan, one, other)
    if ref in refused:
        return Sent(one, "refused", refused[ref].reason)
    return Sent(one, done if ref in going else "there")


def _conflict(plan: _Plan, one: str, theirs: str) -> Sent:
    ours = plan.tags[refs.format_ref(one)]
    reason = f"another experiment has its name there: {theirs}, and here it is {ours}"
    return Sent(one, "conflict", reason)


def _with_advice(remote: Remote, one: Sent) -> Sent:
    """The same, with the command that mends it where there is one."""
    if one.is_there or one.hint is not None:
        return one
    if one.state == "conflict":
        name = shlex.quote(remote.name)
        ref = refs.format_ref(one.id)
        return one._replace(hint=f"git fetch {name} {ref} && git show FETCH_HEAD")
    return one._replace(hint=mend(remote, one.reason or ""))


def _refused_verdicts(plan: _Plan, refused: Mapping[str, Refused], remote: Remote) -> Iterable[str]:
    """Verdicts that did not get there; their experiments did."""
    others = dict.fromkeys(plan.conflicts, "another verdict has its number there")
    reasons = {**others, **{ref: why.reason for ref, why in refused.items()}}
    for ref, reason in reasons.items():
        if refs.parse_verdict_ref(ref):
            yield f"{ref.removeprefix('refs/tags/')} is not on {remote.name}: {reason}"
