"""The guards, in the order in which they speak, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from xgit.errors import XgitError
from xgit.guards import modified, stale_pin, unpushed, unpushed_data, untracked
from xgit.record.model import GuardResult, RepoState, Violation

STAGES = ("commit", "push", "run", "ci")
Check = Callable[[RepoState], tuple[Violation, ...]]


@dataclass(frozen=True)
class Guard:
    """A check that can refuse.

    Attributes:
        id: what `--allow` takes.
        stages: of `STAGES`, where it is run.
        reason: why it refuses, in one line.
        check: the violations in a state; pure.
        snapshot_mends: `--snapshot` keeps the files it would refuse.
    """

    id: str
    stages: tuple[str, ...]
    reason: str
    check: Check
    snapshot_mends: bool = False


GUARDS = tuple(
    Guard(module.ID, module.STAGES, module.REASON, module.check, snapshot_mends=mends)
    for module, mends in (
        (untracked, True),
        (modified, True),
        (unpushed, False),
        (stale_pin, False),
        (unpushed_data, False),
    )
)


def guards_for(stage: str) -> tuple[Guard, ...]:
    """The guards of a stage.

    Raises:
        XgitError: there is no such stage.
    """
    if stage not in STAGES:
        raise XgitError(f"{stage!r} is no stage", f"stages are: {', '.join(STAGES)}")
    return tuple(guard for guard in GUARDS if stage in guard.stages)


def guard(guard_id: str) -> Guard:
    """The guard with this id.

    Raises:
        XgitError: there is none.
    """
    found = next((one for one in GUARDS if one.id == guard_id), None)
    if found is not None:
        return found
    from difflib import get_close_matches

    known = [one.id for one in GUARDS]
    near = get_close_matches(guard_id, known, n=1)
    hint = f"did you mean {near[0]}?" if near else None
    raise XgitError(f"there is no guard {guard_id!r}; there are {', '.join(known)}", hint)


def judge(
    state: RepoState,
    stage: str,
    allow: frozenset[str] = frozenset(),
    snapshot: bool = False,
    only: Collection[str] = (),
) -> tuple[GuardResult, ...]:
    """Run every guard of the stage, so that all violations are found at once.

    Args:
        allow: ids of guards whose violations do not refuse.
        snapshot: uncommitted files will be kept in a commit of their own.
        only: ids of the guards to run whatever their stage; those of the stage when empty.
    """
    kept = modified.after_snapshot(state) if snapshot else state
    return tuple(
        _judged(one, kept if one.snapshot_mends else state, one.id in allow)
        for one in (map(guard, only) if only else guards_for(stage))
    )


def _judged(one: Guard, state: RepoState, allowed: bool) -> GuardResult:
    try:
        violations = one.check(state)
    except Exception as error:  # noqa: BLE001 - who cannot judge must let nothing through
        what = f"guard {one.id} crashed: {type(error).__name__}: {error}"
        violations = (Violation(one.id, what, f"--allow {one.id}"),)
    if not violations:
        return GuardResult(one.id, "passed")
    return GuardResult(one.id, "allowed" if allowed else "failed", violations)


def refusals(results: Iterable[GuardResult]) -> tuple[GuardResult, ...]:
    """The results that refuse: failed, and not allowed."""
    return tuple(result for result in results if result.outcome == "failed")
