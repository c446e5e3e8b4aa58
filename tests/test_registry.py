"""The registry runs all guards of a stage, and lets nothing through that could not be judged."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace

import pytest

from xgit.errors import XgitError
from xgit.guards import registry
from xgit.guards.registry import guard, guards_for, judge, refusals
from xgit.record.model import Pin, RepoState, Submodule, Violation

CLEAN = RepoState("/x", "0" * 40, "main", pushed=True, remotes=("origin",))
STALE = Pin("a.csv", "dvc", "md5:00", source="a.csv.dvc", stale="content differs", pushed=False)
DIRTY = CLEAN._replace(
    pushed=False,
    ahead=3,
    untracked=("scratch.py",),
    modified=("train.py", "lib"),
    submodules=(Submodule("lib", "1" * 40, dirty=True),),
    pins=(STALE,),
)
ALL = ["untracked", "modified", "unpushed", "stale-pin", "unpushed-data"]


def outcomes(state: RepoState, **options: object) -> dict[str, str]:
    return {one.id: one.outcome for one in judge(state, "run", **options)}  # type: ignore[arg-type]


def test_clean_state_passes_every_guard() -> None:
    assert outcomes(CLEAN) == dict.fromkeys(ALL, "passed")
    assert refusals(judge(CLEAN, "run")) == ()


def test_all_violations_at_once() -> None:
    results = judge(DIRTY, "run")
    assert [one.id for one in refusals(results)] == ALL
    said = [violation.subject for one in results for violation in one.violations]
    assert said == [
        "scratch.py",
        "train.py",
        "lib",
        "main is 3 commits ahead",
        "a.csv: content differs",
        "a.csv",
    ]


def test_allowed_is_recorded_and_does_not_refuse() -> None:
    results = judge(DIRTY, "run", allow=frozenset(["untracked", "unpushed"]))
    assert [one.id for one in refusals(results)] == ["modified", "stale-pin", "unpushed-data"]
    assert [one.outcome for one in results][:3] == ["allowed", "failed", "allowed"]
    assert results[0].violations != ()
    assert outcomes(CLEAN, allow=frozenset(ALL)) == dict.fromkeys(ALL, "passed")


def test_snapshot_keeps_files_but_not_what_is_in_a_submodule() -> None:
    results = {one.id: one for one in judge(DIRTY, "run", snapshot=True)}
    assert results["untracked"].outcome == "passed"
    assert [one.subject for one in results["modified"].violations] == ["lib"]
    assert results["unpushed"].outcome == "failed"


def test_guard_that_crashes_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(state: RepoState) -> tuple[Violation, ...]:
        raise KeyError("what")

    broken = replace(registry.GUARDS[0], check=crash)
    monkeypatch.setattr(registry, "GUARDS", (broken, *registry.GUARDS[1:]))
    [refused] = refusals(judge(CLEAN, "run"))
    assert refused.violations[0].subject == "guard untracked crashed: KeyError: 'what'"
    assert refusals(judge(CLEAN, "run", allow=frozenset(["untracked"]))) == ()


@pytest.mark.parametrize(
    ("stage", "ids"),
    [
        ("run", ALL),
        ("commit", ["stale-pin"]),
        ("push", ["unpushed-data"]),
        ("ci", ["untracked", "modified"]),
    ],
)
def test_stages(stage: str, ids: list[str]) -> None:
    assert [one.id for one in guards_for(stage)] == ids
    assert [one.id for one in judge(CLEAN, stage)] == ids


def test_only_those_asked_for() -> None:
    assert [one.id for one in judge(DIRTY, "run", only=["stale-pin"])] == ["stale-pin"]


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(XgitError) as caught:
        guard("untraked")
    assert "untracked, modified, unpushed" in caught.value.message
    assert caught.value.hint == "did you mean untracked?"
    with pytest.raises(XgitError) as caught:
        guard("zzz")
    assert caught.value.hint is None
    with pytest.raises(XgitError, match="no stage"):
        guards_for("deploy")


def test_each_guard_is_a_module_and_a_test_file_of_its_name() -> None:
    for one in registry.GUARDS:
        name = one.id.replace("-", "_")
        module = importlib.import_module(f"xgit.guards.{name}")
        assert (module.ID, module.check, one.stages) == (one.id, one.check, module.STAGES)
        importlib.import_module(f"tests.test_guard_{name}")
        assert one.reason
        assert "\n" not in one.reason
        assert guard(one.id) is one


def test_import_is_cheap() -> None:
    heavy = "yaml sqlite3 subprocess json difflib click psutil hashlib"
    program = (
        "import sys; from xgit.guards import registry; "
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
