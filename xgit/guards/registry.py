"""The guards, in the order in which they speak, and how they are chosen and run.

A guard is a module with `ID`, `STAGES`, `NEEDS` (facts, see `capture.state`), `REASON` and a pure
`check(state)`; also `OPTIONS` (name to default) if a project may tune it, which it then finds in
`state.options[ID]`. Packages add guards through entry points of the group `xgit.guards`; a
project switches one on by naming it in `[tool.xgit.guards]`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from xgit.errors import XgitError
from xgit.guards import (
    config,
    environment,
    large_file,
    modified,
    protected_tags,
    secrets,
    stale_pin,
    unpinned,
    unpushed,
    unpushed_data,
    untracked,
    variables,
)
from xgit.record.model import GuardResult, Json, RepoState, Violation

STAGES = ("commit", "push", "run", "ci")
ENTRY_POINTS = "xgit.guards"
Check = Callable[[RepoState], tuple[Violation, ...]]


class Guard(NamedTuple):
    """A check that can refuse.

    Attributes:
        id: what `--allow` takes.
        stages: of `STAGES`, where it is run.
        needs: the facts it looks at.
        reason: why it refuses, in one line.
        check: the violations in a state; pure.
        options: what a project may set, with the defaults.
        snapshot_mends: `--snapshot` keeps the files it would refuse.
    """

    id: str
    stages: tuple[str, ...]
    needs: tuple[str, ...]
    reason: str
    check: Check
    options: Mapping[str, Json]
    snapshot_mends: bool = False


def as_guard(module: Any, *, snapshot_mends: bool = False) -> Guard:
    """The guard that a module is."""
    options = getattr(module, "OPTIONS", {})
    return Guard(
        module.ID, module.STAGES, module.NEEDS, module.REASON, module.check, options, snapshot_mends
    )


GUARDS = (
    as_guard(untracked, snapshot_mends=True),
    as_guard(modified, snapshot_mends=True),
    as_guard(unpushed),
    as_guard(unpinned),
    as_guard(stale_pin),
    as_guard(unpushed_data),
    as_guard(config),
    as_guard(variables),
    as_guard(environment),
    as_guard(secrets),
    as_guard(large_file),
    as_guard(protected_tags),
)


# ---------------------------------------------------------------- which


def guards_for(stage: str, chosen: Mapping[str, Any] | None = None) -> tuple[Guard, ...]:
    """The guards of a stage: those the settings choose for it, else all that belong to it.

    Args:
        chosen: `Settings.guards`.

    Raises:
        XgitError: there is no such stage or no such guard.
    """
    if stage not in STAGES:
        raise XgitError(f"{stage!r} is no stage", f"stages are: {', '.join(STAGES)}")
    names = (chosen or {}).get(stage)
    if names is None:
        return tuple(one for one in GUARDS if stage in one.stages)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise XgitError(f"{stage} in tool.xgit.guards is not a list of guards")
    return tuple(guard(name) for name in names)


def guard(guard_id: str) -> Guard:
    """The guard with this id: one of xgit's own, else one that an installed package brings.

    Raises:
        XgitError: there is none, or it cannot be loaded.
    """
    found = next((one for one in GUARDS if one.id == guard_id), None)
    return found or _foreign(guard_id) or _no_guard(guard_id)


def _foreign(guard_id: str) -> Guard | None:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=guard_id):
        try:
            return as_guard(point.load())
        except Exception as error:
            raise XgitError(
                f"the guard {guard_id!r} of {point.value} cannot be loaded: {error}",
                "mend or remove that package, or take the guard out of tool.xgit.guards",
            ) from error
    return None


def _no_guard(guard_id: str) -> Guard:
    from difflib import get_close_matches

    known = [one.id for one in GUARDS]
    near = get_close_matches(guard_id, known, n=1)
    hint = f"did you mean {near[0]}?" if near else None
    raise XgitError(f"there is no guard {guard_id!r}; there are {', '.join(known)}", hint)


def options_of(
    chosen: Mapping[str, Any], guards: Iterable[Guard]
) -> Mapping[str, Mapping[str, Json]]:
    """The options of each guard by its id, defaults included.

    Args:
        chosen: `Settings.guards`; its tables are held against what the guards know.

    Raises:
        XgitError: there is no such option, or its value is of another type than its default.
    """
    options = {one.id: dict(one.options) for one in guards}
    for guard_id, table in chosen.items():
        if guard_id in STAGES:
            continue
        if not isinstance(table, dict):
            raise XgitError(f"tool.xgit.guards.{guard_id} is not a table")
        known = guard(guard_id).options
        for name, value in table.items():
            _check_option(guard_id, known, name, value)
        if guard_id in options:
            options[guard_id].update(table)
    return options


def verifying(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """`Settings.guards` with the option `verify_remote` switched on, of every guard that has it."""
    asked = {one.id: {"verify_remote": True} for one in GUARDS if "verify_remote" in one.options}
    tables = {name: chosen.get(name, {}) for name in asked}
    # What is no table is left to `options_of`, which says so.
    merged = {
        name: {**table, **asked[name]} for name, table in tables.items() if isinstance(table, dict)
    }
    return {**chosen, **merged}


def _check_option(guard_id: str, known: Mapping[str, Json], name: str, value: Json) -> None:
    where = f"{name} in tool.xgit.guards.{guard_id}"
    if name not in known:
        hint = f"known are: {', '.join(known)}" if known else "it has no options"
        raise XgitError(f"{where} is not an option", hint)
    default = known[name]
    if type(value) is not type(default):
        raise XgitError(f"{where} is not of the type of its default, {default!r}")


def needs_of(guards: Iterable[Guard]) -> frozenset[str]:
    """The facts that any of the guards needs."""
    return frozenset(need for one in guards for need in one.needs)


# ---------------------------------------------------------------- run


def judge(
    state: RepoState,
    guards: Iterable[Guard],
    allow: Collection[str] = (),
    snapshot: bool = False,
) -> tuple[GuardResult, ...]:
    """Run every guard, so that all violations are found at once.

    Args:
        allow: ids of guards whose violations do not refuse.
        snapshot: uncommitted files will be kept in a commit of their own.
    """
    kept = modified.after_snapshot(state) if snapshot else state
    return tuple(
        _judged(one, kept if one.snapshot_mends else state, one.id in allow) for one in guards
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
