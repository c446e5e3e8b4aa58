from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.stored import later, make_experiment, store, two
from xgit.record.model import Metrics, Params


def listed(project: Project, *args: str, cwd: Path | None = None) -> list[dict[str, Any]]:
    done = project.xgit("exp", "list", "--json", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_without_experiments_it_says_what_to_do(project: Project) -> None:
    done = project.xgit("exp", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "xgit exp run" in done.stderr
    assert listed(project) == []


def test_the_table_has_what_differs(project: Project) -> None:
    two(project)
    done = project.xgit("exp", "list")
    head, newest, oldest = done.stdout.splitlines()
    assert head.split() == ["id", "status", "age", "why", "accuracy", "loss", "optim.lr"]
    assert newest.startswith("wide-net   completed")
    assert oldest.endswith("0.961   0.104   0.1")


def test_json_has_full_precision_and_the_documented_keys(project: Project) -> None:
    store(project, make_experiment(metrics=Metrics({"a": 0.1 + 0.2, "n": float("nan")})))
    (row,) = listed(project)
    assert row["metrics"] == {"a": 0.30000000000000004, "n": "NaN"}
    assert row["finished"] == "2026-11-23T20:15:14.300000Z"
    told = project.xgit("exp", "list", "--help").stdout
    assert all(f'"{key}"' in told for key in row)


def test_where_sort_and_limit(project: Project) -> None:
    two(project)
    assert ids(listed(project)) == ["wide-net", "baseline"]
    assert ids(listed(project, "--where", "metrics.accuracy > 0.97")) == ["wide-net"]
    assert ids(listed(project, "--where", "params.model.name == 'cnn'")) == []
    assert ids(listed(project, "--sort", "accuracy")) == ["baseline", "wide-net"]
    assert ids(listed(project, "--sort", "-metrics.loss")) == ["baseline", "wide-net"]
    assert ids(listed(project, "--sort", "-age")) == ["baseline", "wide-net"]
    assert ids(listed(project, "--limit", "1")) == ["wide-net"]
    assert ids(listed(project, "--sort", "id", "--limit", "1")) == ["baseline"]


def test_those_without_the_value_sort_last_both_ways(project: Project) -> None:
    two(project)
    other = make_experiment("other", metrics=Metrics({"loss": float("nan")}))
    store(project, other._replace(outcome=later(other, 5)))
    for key in ("loss", "-loss", "accuracy", "-accuracy"):
        assert ids(listed(project, "--sort", key))[-1] == "other"


def test_columns_can_be_chosen(project: Project) -> None:
    two(project)
    chosen = "id,metrics.accuracy,optim.lr,duration,reproducible"
    done = project.xgit("exp", "list", "--columns", chosen, "--format", "csv")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == [
        "id",
        "metrics.accuracy",
        "params.optim.lr",
        "duration_seconds",
        "reproducible",
    ]
    assert rows[1] == ["wide-net", "0.973", "0.3", "12.3", "true"]
    everything = project.xgit("exp", "list", "--columns", "all", "--format", "markdown")
    assert "model.name" in everything.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--columns", "id,acuracy"], "did you mean metrics.accuracy?"),
        (["--columns", ","], "names no column"),
        (["--sort", "nothing-like-it"], "nothing-like-it"),
        (["--where", "acuracy > 1"], "metrics.acuracy"),
        (["--where", "("], "--where"),
        (["--limit", "0"], "--limit"),
        (["--format", "html"], "markdown"),
    ],
)
def test_bad_usage_is_told(project: Project, args: list[str], said: str) -> None:
    two(project)
    done = project.xgit("exp", "list", *args)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_tag_is_a_row_and_the_others_follow(project: Project) -> None:
    two(project)
    project.git("tag", "experiment/light")
    project.git("tag", "-a", "-m", "nothing", "experiment/empty")
    project.git("tag", "-a", "-m", "x\n\nXgit-Summary: {", "experiment/torn")
    done = project.xgit("exp", "list")
    assert done.returncode == 0
    assert done.stdout.count("unreadable") == 3
    assert "not an annotated tag" in done.stdout
    rows = listed(project)
    assert ids(rows)[:2] == ["wide-net", "baseline"]
    assert set(rows[2]) == {"id", "status", "reason"}
    assert ids(listed(project, "--where", "status != 'x'")) == ["wide-net", "baseline"]


def test_it_works_in_a_bare_repo_a_worktree_and_a_clone(project: Project, tmp_path: Path) -> None:
    two(project)
    project.git("push", "--quiet", "origin", "--tags")
    project.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    subprocess.run(["git", "clone", "-q", project.origin, tmp_path / "clone"], check=True)
    for folder in (project.origin, tmp_path / "linked", tmp_path / "clone"):
        assert ids(listed(project, cwd=folder)) == ["wide-net", "baseline"]


def test_what_was_too_large_for_the_tag_is_read_from_the_record(project: Project) -> None:
    params = {f"layer.{at}.width": at for at in range(2000)}
    store(project, make_experiment(params=Params(params)))
    assert listed(project)[0]["cut"] is True
    assert ids(listed(project, "--where", 'params.layer["7"].width == 7')) == ["baseline"]
    done = project.xgit("exp", "list", "--columns", "id,params.layer.1999.width")
    assert done.stdout.splitlines()[1].endswith("1999")


def test_hostile_words_move_no_cursor(project: Project) -> None:
    evil = "\x1b[2J\u202e|<b>\r\nsecond"
    store(project, make_experiment(why=evil, params=Params({evil: evil}), labels=(evil,)))
    for form in ("table", "csv", "markdown", "json"):
        done = project.xgit("exp", "list", "--columns", "id,why,labels", "--format", form)
        assert done.returncode == 0
        assert not set(done.stdout) & set("\x1b\u202e\r")


def on_a_terminal(project: Project, *args: str, columns: int = 60) -> str:
    """What the command writes to a terminal of that width."""
    master, slave = pty.openpty()
    env = os.environ | {"COLUMNS": str(columns), "TERM": "xterm"}
    argv = [sys.executable, "-m", "xgit", *args]
    subprocess.run(argv, cwd=project.root, stdout=slave, stderr=slave, env=env, check=True)
    os.close(slave)
    text = os.read(master, 1_000_000).decode()
    os.close(master)
    return text.replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_what_fits(project: Project) -> None:
    two(project)
    text = on_a_terminal(project, "exp", "list")
    assert "\x1b[32mcompleted\x1b[0m" in text
    assert "more column" in text
    assert "accuracy" in text
    assert "optim.lr" not in text


def test_show_and_log_on_a_terminal(project: Project) -> None:
    log = b"\x1b[31mred\x1b[0m \x1b[2J\x9b\n 10%\r 99%\rdone\n"
    store(project, make_experiment(log=log))
    text = on_a_terminal(project, "exp", "log", "@")
    assert "\x1b[31mred\x1b[0m \\x1b[2J" in text
    assert "\ndone\n" in text
    assert "10%" not in text
    assert "\x1b[1mexperiment/baseline" in on_a_terminal(project, "exp", "show", "@")
