"""What is owed: told exactly, in the order a CI job wants it, and carried by list and show."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests import samples
from tests.conftest import Project
from tests.test_store import repo as repo  # noqa: PLC0414 - the fixture
from tests.verdict_samples import object_of, verdict
from xgit.git.plumbing import Repo
from xgit.record.model import Broken
from xgit.record.verdict import Manner, VerdictSummary
from xgit.store import experiments, verdicts
from xgit.store.standing import Standing, standing

HERE = Manner(environment="here")


def add(repo: Repo, name: str, minute: int = 0, **changes: Any) -> None:
    it = samples.experiment(name, samples.head(repo), minute, **changes)
    experiments.save(repo, it, identity=samples.identity(minute))


def keep(repo: Repo, of: str, minute: int = 0, **changes: Any) -> None:
    changes.setdefault("tag", object_of(repo, of))
    verdicts.save(repo, verdict(of, minute=minute, **changes), None, identity=samples.IDENTITY)


@pytest.fixture
def indebted(project: Project, repo: Repo) -> Project:
    """An experiment of each kind, `good` alone without debt; each a minute after the other."""
    names = ("none", "stale", "different", "failed", "weak", "broken", "good", "light")
    for minute, name in enumerate(names):
        add(repo, name, minute)
    keep(repo, "stale", tag="c0ffee" + "0" * 34)
    keep(repo, "different", result="different", reason="accuracy fell")
    keep(repo, "failed", result="failed", step="data", reason="gone")
    keep(repo, "weak", manner=HERE)
    project.git("tag", "-a", "-m", "x", "reproduction/broken/1")
    keep(repo, "good")
    project.git("tag", "-d", "experiment/light")
    project.git("tag", "experiment/light")
    add(repo, "cut", 9, outcome=samples.outcome(9, status="interrupted", exit_code=130))
    return project


def status(project: Project, *args: str) -> Any:
    done = project.xgit("exp", "status", "--json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------- which verdict counts


def summary(result: str = "identical", minute: int = 0, **changes: Any) -> VerdictSummary:
    values: dict[str, Any] = {
        "of": "a", "number": minute + 1, "tag": "t", "result": result, "step": None,
        "reason": None, "finished": samples.START + timedelta(minutes=minute), "by": "Bea",
        "hermetic": False, "environment": "pylock",
    }  # fmt: skip
    return VerdictSummary(**{**values, **changes})


BAD_TAG = Broken("a/9", "no")


@pytest.mark.parametrize(
    ("rows", "owed", "word"),
    [
        ([], "none", None),
        ([summary()], None, "identical"),
        ([summary("within-tolerance")], None, "within-tolerance"),
        ([summary(), summary("different", 1)], "different", "different"),
        ([summary("different"), summary("identical", 1)], None, "identical"),
        ([summary(), summary("failed", 1)], "failed", "failed"),
        ([summary(tag="old")], "stale", "stale"),
        ([summary(tag="old"), summary("failed", 1)], "failed", "failed"),
        ([summary(), summary("different", 1, tag="old")], None, "identical"),
        ([summary(environment="here")], "weak", "identical"),
        ([summary(), summary(minute=1, environment="here")], None, "identical"),
        (
            [summary(), summary("different", 1), summary(minute=2, environment="here")],
            "weak",
            "identical",
        ),
        ([BAD_TAG], "broken", "unreadable"),
        ([BAD_TAG, summary()], None, "identical"),
    ],
)
def test_the_latest_on_the_tag_as_it_is_counts(rows: list[Any], owed: str, word: str) -> None:
    found = standing(rows, "t")
    assert (found.owed, found.word) == (owed, word)
    assert found.verdicts == sum(isinstance(row, VerdictSummary) for row in rows)


def test_a_verdict_on_a_tag_that_is_gone_is_stale() -> None:
    assert standing([summary()], None).owed == "stale"
    assert Standing().word is None


# ---------------------------------------------------------------- the command


def test_each_kind_is_told_with_its_reason(indebted: Project) -> None:
    found = status(indebted)
    assert {one["id"]: one["kind"] for one in found["debt"]} == {
        name: name for name in ("none", "stale", "different", "failed", "weak", "broken")
    } | {"light": "unreadable"}
    assert found["counts"] == dict.fromkeys(
        ("none", "stale", "different", "failed", "weak", "broken", "unreadable"), 1
    )
    assert (found["experiments"], found["reproduced"], found["unfinished"]) == (9, 1, 1)
    reasons = {one["id"]: one["reason"] for one in found["debt"]}
    assert reasons["failed"] == "at data: gone"
    assert reasons["different"] == "accuracy fell"
    assert reasons["stale"] == "it was identical for an earlier tag of that name"
    assert reasons["light"] == "it is not an annotated tag"
    assert found["broken_verdicts"] == [
        {"tag": "reproduction/broken/1", "reason": "the tag message has no Xgit-Verdict line"}
    ]
    told = next(one for one in found["debt"] if one["id"] == "weak")["verdict"]
    assert (told["environment"], told["number"], told["count"]) == ("here", 1, 1)


def test_the_page_is_for_people(indebted: Project) -> None:
    done = indebted.xgit("exp", "status")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "reproduction debt: 7 of 8 experiments: 1 without a verdict, 1 with a stale"
    )
    assert lines[0].endswith("; 1 did not complete and owe nothing")
    assert lines[1].split() == ["id", "debt", "age", "verdict", "by", "reason"]
    assert lines[-1] == "  xgit exp reproduce broken"
    assert "unreadable: reproduction/broken/1" in done.stderr


def test_ids_for_a_ci_job(indebted: Project) -> None:
    def ids(*args: str) -> list[str]:
        return indebted.xgit("exp", "status", "--ids", *args).stdout.split()

    assert ids() == ["broken", "weak", "failed", "different", "stale", "none"]
    assert ids("--oldest", "--limit", "2") == ["none", "stale"]
    assert ids("--only", "none", "--only", "weak") == ["weak", "none"]
    done = indebted.xgit("exp", "status", "--ids", "--json", "--only", "none")
    assert done.stdout == '["none"]\n'
    assert [one["id"] for one in status(indebted, "--oldest", "--limit", "1")["debt"]] == ["none"]


def test_exit_code_only_when_asked(indebted: Project) -> None:
    assert indebted.xgit("exp", "status").returncode == 0
    assert indebted.xgit("exp", "status", "--exit-code").returncode == 1
    assert indebted.xgit("exp", "status", "--exit-code", "--only", "none").returncode == 1
    indebted.git("tag", "-d", "experiment/none")
    assert indebted.xgit("exp", "status", "--exit-code", "--only", "none").returncode == 0


def test_without_debt_it_says_so(project: Project, repo: Repo) -> None:
    assert project.xgit("exp", "status").stdout == "no reproduction debt: 0 experiments\n"
    add(repo, "a")
    keep(repo, "a")
    assert project.xgit("exp", "status").stdout == "no reproduction debt: 1 experiment\n"
    assert status(project)["debt"] == []


def test_other_formats(indebted: Project) -> None:
    csv = indebted.xgit("exp", "status", "--format", "csv", "--only", "failed").stdout
    assert csv.splitlines()[0] == "id,debt,age,verdict,by,reason"
    assert csv.splitlines()[1].startswith("failed,failed,2026-11-23T")
    assert indebted.xgit("exp", "status", "--format", "markdown").stdout.startswith("| id |")


def test_hostile_words_do_not_reach_the_terminal(project: Project, repo: Repo) -> None:
    add(repo, "a")
    keep(repo, "a", result="failed", step="run", reason="red \x1b[31m\u202e")
    for args in (("status",), ("list",), ("show", "a")):
        done = project.xgit("exp", *args)
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout


# ---------------------------------------------------------------- list and show


def test_the_list_has_the_column_where_there_is_a_verdict(project: Project, repo: Repo) -> None:
    add(repo, "a")
    add(repo, "b", 1)
    assert "verdict" not in project.xgit("exp", "list").stdout
    keep(repo, "a")
    head, b, a = project.xgit("exp", "list").stdout.splitlines()
    assert head.split()[:5] == ["id", "status", "verdict", "age", "why"]
    assert (a.split()[2], "identical" in b) == ("identical", False)
    chosen = project.xgit("exp", "list", "--columns", "id,verdict", "--format", "csv").stdout
    assert chosen == "id,verdict\nb,\na,identical\n"


def test_verdicts_can_be_asked_for_and_sorted_by(indebted: Project) -> None:
    def ids(*args: str) -> list[str]:
        rows = json.loads(indebted.xgit("exp", "list", "--json", *args).stdout)
        return [row["id"] for row in rows]

    assert ids("--where", "verdict == 'identical'") == ["good", "weak"]
    assert ids("--where", "verdict == 'stale'") == ["stale"]
    assert ids("--where", "verdict in ['different', 'failed']") == ["failed", "different"]
    assert set(ids("--where", "verdict == None")) == {"none", "cut"}
    assert ids("--sort", "verdict", "--limit", "1") == ["different"]


def test_the_json_of_the_list_has_the_latest(indebted: Project) -> None:
    rows = json.loads(indebted.xgit("exp", "list", "--json", "--limit", "4").stdout)
    found = {row["id"]: row.get("verdict") for row in rows}
    assert found["cut"] is None
    assert found["good"]["result"] == "identical"
    assert found["good"]["stale"] is False
    told = indebted.xgit("exp", "list", "--help").stdout
    assert all(f'"{key}"' in told for key in found["good"])


def test_show_tells_of_the_latest(project: Project, repo: Repo) -> None:
    add(repo, "a")
    assert "verdict" not in project.xgit("exp", "show", "a").stdout
    keep(repo, "a", 1)
    keep(repo, "a", 2, result="failed", step="data", reason="the object is gone", manner=HERE)
    lines = project.xgit("exp", "show", "a").stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("verdict"))
    assert "failed at data" in lines[at]
    assert "by Bea Byron" in lines[at]
    assert lines[at].endswith("reproduction/a/2 of 2")
    assert lines[at + 1].strip() == "the object is gone"
    assert lines[at + 2].strip() == "with what was installed already"
    document = json.loads(project.xgit("exp", "show", "a", "--json").stdout)
    assert (document["verdict"]["number"], document["verdict"]["count"]) == (2, 2)


def test_show_says_that_a_verdict_is_stale_or_unreadable(indebted: Project) -> None:
    told = indebted.xgit("exp", "show", "stale").stdout
    assert "stale: it is about an earlier tag of that name" in told
    assert "unreadable: reproduction/broken/1" in indebted.xgit("exp", "show", "broken").stdout
    document = json.loads(indebted.xgit("exp", "show", "none", "--json").stdout)
    assert document["verdict"] is None
