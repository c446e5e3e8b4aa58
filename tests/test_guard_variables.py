"""Variables that a config demands: declared when it is committed, set when it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Project
from xgit.capture.hydra.variables import required_variables
from xgit.git.plumbing import open_repo
from xgit.guards import variables
from xgit.guards.checking import check_repo
from xgit.record.model import ComposedConfig, ConfigFile, RepoState, RequiredVariable, Violation

APP = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print("trained with", cfg.db.user)

if __name__ == "__main__":
    main()
"""


def state(**facts: Any) -> RepoState:
    return RepoState("/x", "a" * 40, "main", pushed=True)._replace(**facts)


# ---------------------------------------------------------------- the pure check


def test_nothing_is_demanded() -> None:
    assert variables.check(state()) == ()
    assert variables.check(state(config=ComposedConfig({"a": 1}, {"SET": "", "ALSO": "x"}))) == ()


def test_what_is_not_set_is_refused_with_who_reads_it() -> None:
    config = ComposedConfig(
        {}, {"PW": None, "A": None, "B": "x"}, readers={"PW": ("db.pw",), "A": tuple("vwxyz")}
    )
    first, second = variables.check(state(config=config))
    assert first.subject == "PW (config db.pw) is not set"
    assert first.remedy == "export PW=VALUE"
    assert second.subject == "A (config v, w, x and 2 more) is not set"
    [bare] = variables.check(state(config=config._replace(variables={"PW": None}, readers={})))
    assert bare.subject == "PW is not set"


def test_what_is_not_declared_is_refused() -> None:
    wanted = RequiredVariable("PW", "c/db.yaml", 3, "pyproject.toml")
    [found] = variables.check(state(required_variables=(wanted,)))
    assert found.subject == "PW (c/db.yaml:3) is not declared"
    assert found.remedy == (
        "printf '\\n[tool.xgit.guards.variables]\\ndeclared = [\"PW\"]\\n' >> pyproject.toml"
        " && git add pyproject.toml"
    )
    [unstage] = variables.check(state(required_variables=(wanted._replace(declare_in=""),)))
    assert unstage.remedy == "git reset --quiet -- c/db.yaml"
    assert unstage.alternative is not None


def test_what_is_declared_passes() -> None:
    wanted = (RequiredVariable("PW", "a", 1), RequiredVariable("CUDA_VISIBLE_DEVICES", "a", 1))
    declared = {"variables": {"declared": ["PW"]}}
    assert variables.check(state(required_variables=wanted, options=declared)) == ()


# ---------------------------------------------------------------- what a text demands


def demanded(text: str, **facts: bool) -> list[tuple[str, int]]:
    file = ConfigFile("c/a.yaml", "c", text, **{"staged": True, **facts})
    return [(one.name, one.line) for one in required_variables([file])]


@pytest.mark.parametrize(
    "text",
    [
        "a: ${oc.env:NAME}\n",
        "a: '${ oc.env : NAME }'\n",
        "a: \"x-${oc.env:'NAME'}-y\"\n",
        "a: [1, {b: 'pg://u:${oc.env:NAME}@h'}]\n",
        "a: ${oc.decode:${oc.env:NAME}}\n",
        'a: "\\\\\\\\${oc.env:NAME}"\n',
        "a: ${oc.env:OTHER,${oc.env:NAME}}\n",
        "a: |\n  first ${oc.env:NAME}\n",
        "a: ${oc.env:NAME}  # ${oc.env:COMMENT}\nb: ${oc.env:NAME}\n",
    ],
)
def test_a_variable_without_a_default(text: str) -> None:
    assert demanded(text) == [("NAME", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "a: ${oc.env:NAME,null}\n",
        "a: ${oc.env:NAME, x}\n",
        "a: ${oc.env:NAME,}\n",
        "# a: ${oc.env:NAME}\n",
        "a: '\\${oc.env:NAME}'\n",
        "a: oc.env:NAME\n",
        "a: ${env:NAME}\n",
        "a: ${oc.env:${b}}\n",
        "a: $ENV ${NAME} {oc.env:NAME}\n",
        "a: b: ${oc.env:NAME}\n",
        "oc.env: \udcff\n",
        "",
    ],
)
def test_no_variable_or_one_with_a_default(text: str) -> None:
    assert demanded(text) == []


def test_only_what_is_staged_counts_each_name_once() -> None:
    assert demanded("a: 1\nb: ${oc.env:A}\nc:\n  - ${oc.env:B} ${oc.env:A}\n") == [
        ("A", 2),
        ("B", 4),
    ]
    assert demanded("a: ${oc.env:A}\n", staged=False) == []
    assert demanded("a: ${oc.env:A}\n", link=True) == []


# ---------------------------------------------------------------- at a commit


@pytest.fixture
def app(project: Project) -> Project:
    project.write("train.py", APP)
    project.write("conf/config.yaml", "defaults:\n  - db: local\n  - _self_\n")
    project.write("conf/db/local.yaml", "user: ${oc.env:OLD}\n")
    project.write(".gitignore", "outputs/\n")
    project.commit()
    return project


def judge(app: Project) -> list[Violation]:
    app.git("add", "conf")
    state, [result] = check_repo(open_repo(app.root), "commit", ["variables"])
    assert state.notes == ()
    return list(result.violations)


def shell(app: Project, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=app.root, capture_output=True, text=True, check=False
    )


DEMAND = "user: ${oc.env:DB_USER}\npw: ${oc.env:DB_PW}\nhost: ${oc.env:DB_HOST,localhost}\n"


def test_what_the_commit_does_not_change_is_not_asked_about(app: Project) -> None:
    app.write("conf/db/remote.yaml", "user: me\n")
    app.write("k8s/job.yaml", "image: ${oc.env:IMAGE}\n")
    app.git("add", ".")
    assert judge(app) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[project]\nname = 'x'\n\n[tool.xgit]\ncommand = 'python train.py'"),
        ("pyproject.toml", "[tool.xgit.guards]\nrun = ['untracked']\n"),
        ("xgit.toml", "command = 'python train.py'\n\n[guards.secrets]\nnames = false\n"),
        ("xgit.toml", None),
    ],
)
def test_the_remedy_declares_all_of_them(app: Project, file: str, text: str | None) -> None:
    if text is not None:
        app.write(file, text)
    app.write("conf/db/remote.yaml", DEMAND)
    first, second = judge(app)
    assert first.subject == "DB_USER (conf/db/remote.yaml:1) is not declared"
    assert second.subject == "DB_PW (conf/db/remote.yaml:2) is not declared"
    for line in (first.remedy, second.remedy):  # both are pasted
        done = shell(app, line)
        assert (done.returncode, done.stderr) == (0, "")
        assert judge(app) == []
    assert file in app.git("diff", "--cached", "--name-only")


@pytest.mark.parametrize(
    "text",
    [
        "[tool.xgit.guards.variables]\ndeclared = ['DB_USER']\n",
        "[tool.xgit]\nguards = {variables = {declared = ['DB_USER']}}\n",
    ],
)
def test_where_the_table_is_there_the_remedy_unstages(app: Project, text: str) -> None:
    app.write("pyproject.toml", text)
    app.write("conf/db/remote.yaml", DEMAND)
    [found] = judge(app)
    assert found.subject == "DB_PW (conf/db/remote.yaml:2) is not declared"
    assert shell(app, found.remedy).returncode == 0
    _, [result] = check_repo(open_repo(app.root), "commit", ["variables"])
    assert result.violations == ()
    assert (app.root / "conf/db/remote.yaml").exists()
    app.write("pyproject.toml", text.replace("'DB_USER'", "'DB_USER', 'DB_PW'"))
    assert judge(app) == []


def test_variables_that_may_be_recorded_are_declared(app: Project) -> None:
    app.write("xgit.toml", "variables = ['DB_USER', 'DB_PW']\n")
    app.write("conf/db/remote.yaml", DEMAND)
    assert judge(app) == []


def test_a_broken_params_file_is_not_read_for_a_commit(app: Project) -> None:
    app.write("params.yaml", "a: b: c\n")
    app.write("conf/db/remote.yaml", "user: me\n")
    assert judge(app) == []


def test_the_console_script_refuses_a_commit(app: Project) -> None:
    hook = app.root / ".git/hooks/pre-commit"
    call = "from xgit.guards.main import main; main()"
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" variables\n', encoding="utf-8")
    hook.chmod(0o755)
    app.write("conf/db/local.yaml", "user: ${oc.env:DB_USER}\n")
    done = shell(app, "git commit -q -am x")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("  variables  DB_USER (conf/db/local.yaml:1) is not declared  printf ")
    assert shell(app, line.split("  ")[3]).returncode == 0
    assert shell(app, "git commit -q -am x").returncode == 0


# ---------------------------------------------------------------- at a run


def test_a_run_whose_config_demands_what_is_not_set_is_refused(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - db: local\n  - _self_\nx: ${db.user}\n")
    app.commit()
    line = f'"{sys.executable}" -m xgit exp run -- "{sys.executable}" train.py'
    refused = shell(app, line)
    assert refused.returncode == 125
    assert "trained" not in refused.stdout
    [told] = [one for one in refused.stderr.splitlines() if one.startswith("  variables")]
    assert told == "  variables  OLD (config db.user, x) is not set  export OLD=VALUE"
    assert app.git("tag") == ""
    passed = shell(app, f"{told.split('  ')[-1]}\n{line}")
    assert passed.returncode == 0, passed.stderr
    assert "trained with VALUE" in passed.stdout


def test_what_has_a_default_or_is_not_chosen_is_not_asked_for(app: Project) -> None:
    app.write("conf/db/local.yaml", "user: ${oc.env:OLD,me}\n")
    app.write("conf/db/remote.yaml", "user: ${oc.env:OTHER}\n")
    app.commit()
    done = app.xgit("exp", "run", "--", sys.executable, "train.py")
    assert (done.returncode, "trained with me" in done.stdout) == (0, True), done.stderr


def test_other_programs_are_not_judged(app: Project) -> None:
    app.write("params.yaml", "user: ${oc.env:NOPE}\n")
    app.write("train.py", "print('fine')\n")
    app.commit()
    assert "NOPE" not in os.environ
    assert app.xgit("exp", "run", "--", sys.executable, "train.py").returncode == 0
