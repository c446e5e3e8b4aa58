from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

from tests.conftest import Project
from tests.stored import later, make_experiment, store, two
from xgit.record.model import Metrics, Params


def test_the_layout(project: Project) -> None:
    first, second = two(project)
    done = project.xgit("exp", "compare", "@~1", "@")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "           baseline       wide-net",
        f"code       main@{first.code.commit[:7]}   main@{second.code.commit[:7]}",
        "commits                   1 ahead",
        "files                     1 file, +1 \u22121",
        "optim.lr   0.1            0.3",
        "data       same",
        "numpy      2.4.5          2.4.6",
        "hardware   same",
        "accuracy   0.961          0.973   +0.012",
        "loss       0.104          0.081   \u22120.023",
    ]


def test_json_has_exact_values(project: Project) -> None:
    first, second = two(project)
    document = json.loads(project.xgit("exp", "compare", "baseline", "wide", "--json").stdout)
    assert document["experiments"] == ["baseline", "wide-net"]
    assert document["same"] is False
    code, commits, files = document["sections"]["code"]["rows"]
    assert code["values"] == {"baseline": first.code.commit, "wide-net": second.code.commit}
    assert commits["values"] == {"wide-net": {"ahead": 1, "behind": 0}}
    assert files["values"]["wide-net"]["paths"] == ["train.py"]
    accuracy = document["sections"]["metrics"]["rows"][0]
    assert accuracy["changes"] == {"wide-net": 0.973 - 0.961}


def test_csv_and_markdown(project: Project) -> None:
    two(project)
    done = project.xgit("exp", "compare", "@~1", "@", "--format", "csv")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["section", "name", "baseline", "wide-net", "change"]
    assert ["metrics", "accuracy", "0.961", "0.973", str(0.973 - 0.961)] in rows
    markdown = project.xgit("exp", "compare", "@~1", "@", "--format", "markdown").stdout
    assert "| params | optim.lr | 0.1 | 0.3 |" in markdown


def test_exit_code_says_whether_they_differ(project: Project) -> None:
    two(project)
    assert project.xgit("exp", "compare", "@", "@", "--exit-code").returncode == 0
    assert project.xgit("exp", "compare", "@~1", "@", "--exit-code").returncode == 1
    assert project.xgit("exp", "compare", "@~1", "@").returncode == 0


def test_all_shows_what_agrees(project: Project) -> None:
    two(project)
    text = project.xgit("exp", "compare", "@", "@", "--all").stdout
    assert "command" in text
    assert "cores" in text
    assert "data/digits.csv" in text


def test_three_experiments(project: Project) -> None:
    two(project)
    third = make_experiment("third", metrics=Metrics({"accuracy": 0.9}))
    store(project, third._replace(outcome=later(third, 120)))
    lines = project.xgit("exp", "compare", "@~2", "@~1", "@").stdout.splitlines()
    assert lines[0].split() == ["baseline", "wide-net", "third"]
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert accuracy.split() == ["accuracy", "0.961", "0.973", "+0.012", "0.9", "\u22120.061"]


def test_a_commit_that_was_not_fetched_is_unknown(project: Project, tmp_path: Path) -> None:
    two(project)
    project.git("push", "--quiet", "origin", "--tags")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "init", "-q", shallow], check=True)
    refspec = "refs/tags/experiment/*:refs/tags/experiment/*"
    url = f"file://{project.origin}"
    argv = ["git", "fetch", "-q", "--depth", "1", url, refspec]
    subprocess.run(argv, cwd=shallow, check=True)
    done = project.xgit("exp", "compare", "@~1", "@", cwd=shallow)
    assert done.returncode == 0, done.stderr
    assert "not known here" in done.stdout


def test_a_name_with_control_characters_is_shown(project: Project) -> None:
    store(project, make_experiment("one", params=Params({"\x1b[2J": "a"})))
    store(project, make_experiment("two", params=Params({"\x1b[2J": "b|c"})))
    for form in ("table", "csv", "markdown", "json"):
        done = project.xgit("exp", "compare", "one", "two", "--format", form)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout


def test_the_help_has_an_example(project: Project) -> None:
    for name in ("compare", "list", "show", "log"):
        done = project.xgit("exp", name, "--help")
        assert done.returncode == 0
        assert "Example: xgit exp" in done.stdout
        assert "--json" in done.stdout


def test_one_experiment_is_not_a_comparison(project: Project) -> None:
    two(project)
    done = project.xgit("exp", "compare", "@")
    assert done.returncode == 2
    assert "error:" in done.stderr
