from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import Project
from tests.stored import make_experiment, store, two
from xgit.cli.exp_log import harmless
from xgit.cli.table import Screen
from xgit.record.model import Metrics, Params


def test_the_page(project: Project) -> None:
    experiment = store(project, make_experiment())
    done = project.xgit("exp", "show", "@")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("experiment/baseline   completed   12.3 s   ")
    assert lines[1] == "reproducible: no: scratch.py was untracked"
    told = {line.split()[0]: line.split(None, 1)[-1] for line in lines if line[:1].strip()}
    assert told["why"] == "does it learn?"
    assert told["expected"] == "accuracy > 0.95   met"
    assert told["code"].endswith(experiment.code.commit)
    assert told["command"] == "python train.py optim.lr=0.1"
    assert told["params"].split() == ["model.name", "svm"]
    assert told["data"].split()[:2] == ["digits:v1", "data/digits.csv"]
    assert told["metrics"].split() == ["accuracy", "0.961", "xgit.log"]
    assert told["guards"] == "untracked allowed: scratch.py"
    assert told["hardware"].endswith("H100 (85.0 GB)")
    assert "█▄▃▂▁" in done.stdout
    assert "2 packages (--all lists them)" in done.stdout


def test_all_lists_packages_and_variables(project: Project) -> None:
    store(project, make_experiment())
    done = project.xgit("exp", "show", "baseline", "--all")
    assert "own     0.1     editable:." in done.stdout
    assert "OMP_NUM_THREADS" in done.stdout


def test_json_is_the_record(project: Project) -> None:
    store(project, make_experiment())
    document = json.loads(project.xgit("exp", "show", "base", "--json").stdout)
    assert document["schema"] == "xgit/record/v1"
    assert document["params"] == {"optim.lr": 0.1, "model.name": "svm"}


def test_hostile_words_are_shown_not_obeyed(project: Project) -> None:
    evil = "\x1b[2J\u202e\nreproducible: yes"
    store(
        project,
        make_experiment(
            why=evil, params=Params({evil: evil}), metrics=Metrics({evil: 1}), reasons=(evil,)
        ),
    )
    done = project.xgit("exp", "show", "@")
    assert not set(done.stdout) & set("\x1b\u202e")
    assert "reproducible: yes" not in [line.strip() for line in done.stdout.splitlines()[:2]]
    assert "\x1b" not in project.xgit("exp", "show", "@", "--json").stdout


@pytest.mark.parametrize("command", [("show",), ("log",), ("compare", "@")])
def test_an_unknown_id_is_told(project: Project, command: tuple[str, ...]) -> None:
    two(project)
    for name in ("baselime", "@~9", "../x", "--", "experiment/light"):
        done = project.xgit("exp", *command, name)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr


def test_a_broken_record_is_told(project: Project) -> None:
    project.git("tag", "experiment/light")
    for command in (("show", "light"), ("log", "light"), ("compare", "light", "light")):
        done = project.xgit("exp", *command)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "bug" not in done.stderr


def test_the_log_comes_byte_for_byte(project: Project) -> None:
    log = b"\xff\xfe \x1b[2J\r\n\x00 end without newline"
    store(project, make_experiment(log=log))
    argv = [sys.executable, "-m", "xgit", "exp", "log", "@"]
    assert subprocess.check_output(argv, cwd=project.root) == log
    document = json.loads(project.xgit("exp", "log", "@", "--json").stdout)
    assert document["id"] == "baseline"
    assert document["log"].startswith("\\xff\\xfe \x1b[2J")


def test_what_is_left_of_a_log_on_a_terminal() -> None:
    plain, coloured = Screen(80), Screen(80, colour=True)
    assert harmless("a\tb\n", plain) == "a\tb\n"
    assert harmless("\x1b[1;31mx", plain) == "x"
    assert harmless("\x1b[1;31mx", coloured) == "\x1b[1;31mx\x1b[0m"
    assert (
        harmless("\x1b]0;t\x07\x1b[1A\x9b2J\x08", coloured) == "\\x1b]0;t\\x07\\x1b[1A\\x9b2J\\x08"
    )
    assert harmless(" 1%\r 2%\r\nnext\r", plain) == " 2%\nnext"
