"""The registry runs all guards of a stage, and lets nothing through that could not be judged."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

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
ALL = [
    *("untracked", "modified", "unpushed", "unpinned", "stale-pin", "unpushed-data"),
    *("variables", "environment", "secrets"),
]


def outcomes(state: RepoState, **options: object) -> dict[str, str]:
    return {one.id: one.outcome for one in judge(state, guards_for("run"), **options)}  # type: ignore[arg-type]


def test_clean_state_passes_every_guard() -> None:
    assert outcomes(CLEAN) == dict.fromkeys(ALL, "passed")
    assert refusals(judge(CLEAN, guards_for("run"))) == ()


def test_all_violations_at_once() -> None:
    results = judge(DIRTY, guards_for("run"))
    refused = ["untracked", "modified", "unpushed", "stale-pin", "unpushed-data"]
    assert [one.id for one in refusals(results)] == refused
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
    results = judge(DIRTY, guards_for("run"), allow=frozenset(["untracked", "unpushed"]))
    assert [one.id for one in refusals(results)] == ["modified", "stale-pin", "unpushed-data"]
    assert [one.outcome for one in results][:3] == ["allowed", "failed", "allowed"]
    assert results[0].violations != ()
    assert outcomes(CLEAN, allow=frozenset(ALL)) == dict.fromkeys(ALL, "passed")


def test_snapshot_keeps_files_but_not_what_is_in_a_submodule() -> None:
    results = {one.id: one for one in judge(DIRTY, guards_for("run"), snapshot=True)}
    assert results["untracked"].outcome == "passed"
    assert [one.subject for one in results["modified"].violations] == ["lib"]
    assert results["unpushed"].outcome == "failed"


def test_guard_that_crashes_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(state: RepoState) -> tuple[Violation, ...]:
        raise KeyError("what")

    broken = registry.GUARDS[0]._replace(check=crash)
    monkeypatch.setattr(registry, "GUARDS", (broken, *registry.GUARDS[1:]))
    [refused] = refusals(judge(CLEAN, guards_for("run")))
    assert refused.violations[0].subject == "guard untracked crashed: KeyError: 'what'"
    assert refusals(judge(CLEAN, guards_for("run"), allow=frozenset(["untracked"]))) == ()


@pytest.mark.parametrize(
    ("stage", "ids"),
    [
        ("run", ALL),
        ("commit", ["unpinned", "stale-pin", "config", "variables", "secrets", "large-file"]),
        ("push", ["unpushed-data", "protected-tags"]),
        ("ci", ["untracked", "modified", "environment"]),
    ],
)
def test_stages(stage: str, ids: list[str]) -> None:
    assert [one.id for one in guards_for(stage)] == ids
    assert [one.id for one in judge(CLEAN, guards_for(stage))] == ids


def test_only_those_asked_for() -> None:
    assert [one.id for one in judge(DIRTY, [guard("stale-pin")])] == ["stale-pin"]


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


# ---------------------------------------------------------------- what a project chooses


def test_a_project_chooses_the_guards_of_a_stage() -> None:
    assert [one.id for one in guards_for("run", {"run": ["unpushed"]})] == ["unpushed"]
    assert guards_for("run", {"ci": ["unpushed"]}) == guards_for("run")
    assert guards_for("run", {"run": []}) == ()


@pytest.mark.parametrize("value", ["unpushed", [1], {"a": 1}, ["no-such-guard"]])
def test_a_choice_that_is_none(value: object) -> None:
    with pytest.raises(XgitError):
        guards_for("run", {"run": value})


def tuned() -> registry.Guard:
    return registry.GUARDS[0]._replace(options={"limit_bytes": 10, "kinds": [".csv"]})


def test_options_are_merged_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "GUARDS", (tuned(), *registry.GUARDS[1:]))
    chosen = {"untracked": {"limit_bytes": 5}, "run": ["untracked"]}
    options = registry.options_of(chosen, guards_for("run", chosen))
    assert options == {"untracked": {"limit_bytes": 5, "kinds": [".csv"]}}


def test_verify_remote_is_switched_on_for_every_guard_that_has_it() -> None:
    chosen = {"run": ["unpushed"], "unpushed": {"verify_remote": False}, "unpushed-data": 1}
    assert registry.verifying(chosen) == {**chosen, "unpushed": {"verify_remote": True}}
    with_it = {"verify_remote": True}
    assert registry.verifying({}) == {"unpushed": with_it, "unpushed-data": with_it}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"untracked": {"limit": 5}}, "limit in tool.xgit.guards.untracked is not an option"),
        ({"untracked": {"limit_bytes": "5"}}, "not of the type"),
        ({"untracked": {"limit_bytes": True}}, "not of the type"),
        ({"untracked": 5}, "is not a table"),
        ({"untrackd": {}}, "there is no guard 'untrackd'"),
        ({"modified": {"x": 1}}, "is not an option"),
    ],
)
def test_options_that_are_none(
    monkeypatch: pytest.MonkeyPatch, table: dict[str, object], told: str
) -> None:
    monkeypatch.setattr(registry, "GUARDS", (tuned(), *registry.GUARDS[1:]))
    with pytest.raises(XgitError, match=told):
        registry.options_of(table, guards_for("run"))


FOREIGN = """
from xgit.record.model import Violation
ID, STAGES, NEEDS, REASON = "friday", ("run",), (), "nothing repeats what runs on a Friday"
def check(state):
    return (Violation(ID, "today", "come back on Monday"),)
"""


def test_a_package_brings_a_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "friday.py").write_text(FOREIGN, encoding="utf-8")
    info = tmp_path / "friday-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: friday\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[xgit.guards]\nfriday = friday\nbroken = nowhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    chosen = guards_for("run", {"run": ["friday"]})
    assert [one.outcome for one in judge(CLEAN, chosen)] == ["failed"]
    with pytest.raises(XgitError, match="the guard 'broken' of nowhere cannot be loaded"):
        guard("broken")
