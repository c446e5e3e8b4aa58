"""A config that does not compose is refused in the commit that changes the configs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.conftest import Project
from xgit.capture.hydra import project_python
from xgit.capture.hydra.directory import find_directories, has_defaults
from xgit.git.plumbing import open_repo
from xgit.guards import config
from xgit.guards.checking import check_repo
from xgit.record.model import ConfigFailure, RepoState, Violation

APP = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print(cfg)

if __name__ == "__main__":
    main()
"""
GLOBAL = "# @package _global_\n"


@pytest.fixture
def app(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A Hydra app with groups and one experiment, committed; its Python is the one of the tests."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    project.write("train.py", APP)
    project.write("conf/config.yaml", "defaults:\n  - model: small\n  - _self_\nlr: 0.1\n")
    project.write("conf/model/small.yaml", "size: 1\n")
    project.write("conf/model/big.yaml", "size: 9\n")
    project.write("conf/experiment/tiny.yaml", f"{GLOBAL}lr: 1\n")
    project.commit()
    return project


def judged(app: Project, *staged: str, stage: str = "commit") -> tuple[list[str], tuple[str, ...]]:
    """Subjects of the violations, and the notes."""
    violations, notes = judge(app, *staged, stage=stage)
    return [one.subject for one in violations], notes


def judge(
    app: Project, *staged: str, stage: str = "commit"
) -> tuple[tuple[Violation, ...], tuple[str, ...]]:
    app.git("add", "--", *(staged or ["."]))
    state, [result] = check_repo(open_repo(app.root), stage, ["config"])
    return result.violations, state.notes


def run(app: Project, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        cwd=app.root,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


# ---------------------------------------------------------------- the pure check


def state(*failures: ConfigFailure) -> RepoState:
    return RepoState("/x", "a" * 40, "main", pushed=True, config_failures=failures)


def test_the_remedy_edits_the_config_that_is_wrong_or_adds_the_one_that_lacks() -> None:
    assert config.check(state()) == ()
    wrong = ConfigFailure("c/a b.yaml", "x", "c/-m.yaml")
    lacks = ConfigFailure("c/a.yaml", "y", "c/a.yaml", "c/new.yaml")
    hidden = lacks._replace(lacking="-c/[x].yaml", ignored=True)
    first, second, third = config.check(state(wrong, lacks, hidden))
    assert first.subject == "c/a b.yaml: x"
    assert first.remedy == "${EDITOR:-vi} c/-m.yaml && git add c/-m.yaml"
    assert second.remedy == "git add c/new.yaml"
    assert third.remedy == "git add --force ':(literal)-c/[x].yaml'"


# ---------------------------------------------------------------- what is fine


def test_what_composes_passes(app: Project) -> None:
    app.write("conf/experiment/tiny.yaml", f"{GLOBAL}defaults:\n  - override /model: big\nlr: 2\n")
    assert judged(app) == ([], ())


@pytest.mark.parametrize(
    "text",
    [
        "x: ${nowhere.to.be.found}\n",
        "x: ${my_resolver:1}\n",
        "x: ${oc.env:NOT_SET}\n",
        "x: ???\n",
        "x: ['???', {a: '???'}]\n",
        "defaults:\n  - model: ???\n",
        "defaults:\n  - model: ???\n  - experiment: ???\n",
        "defaults:\n  - experiment: null\n  - optional local: mine\n",
        "defaults:\n  - experiment: tiny\n",
        "defaults:\n  - model@net: small\n  - model@other: big\n",
        "hydra:\n  run:\n    dir: out/${now:%Y}\n  job:\n    chdir: true\n",
        "hydra:\n  searchpath: ['file://${hydra.runtime.cwd}/more', 'pkg://nothing.here']\n",
        "defaults:\n  - override hydra/launcher: not_installed_here\n",
        "defaults:\n  - model: ${oc.env:NOT_SET}\n",
        "",
    ],
)
def test_what_only_the_program_can_know_is_not_refused(app: Project, text: str) -> None:
    app.write("conf/config.yaml", text)
    assert judged(app)[0] == []


def test_a_value_that_the_primary_config_demands_is_demanded_of_experiments_too(
    app: Project,
) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: ???\n  - _self_\ndata: ???\n")
    assert judged(app) == ([], ())


def test_an_experiment_needs_only_one_of_the_primary_configs(app: Project) -> None:
    app.write("conf/eval.yaml", "defaults:\n  - _self_\nckpt: ???\n")
    app.write("conf/experiment/tiny.yaml", f"{GLOBAL}defaults:\n  - override /model: big\n")
    assert judged(app) == ([], ())


def test_an_option_that_is_meant_for_another_choice_is_not_refused(app: Project) -> None:
    app.write("conf/opt/adam.yaml", "defaults:\n  - override /sched: cosine\n")
    app.write("conf/model/deep.yaml", "defaults:\n  - layer: conv\n")
    app.write("conf/model/layer/conv.yaml", "k: 3\n")
    app.write("conf/hydra/job_logging/own.yaml", "version: 1\n")
    assert judged(app) == ([], ())


def test_other_yaml_is_no_config(app: Project) -> None:
    app.write("conf/logging.yaml", "- a\n- b\n")
    app.write("k8s/job.yaml", "a: {{ broken }}: x\n")
    app.write("README.md", "x\n")
    assert judged(app) == ([], ())


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("path", "text", "subject"),
    [
        (
            "config",
            "defaults:\n  - model: bgi\n",
            "Could not find 'model/bgi'; known: big, small",
        ),
        ("config", "defaults:\n  - modle: big\n", "Could not find 'modle/big'"),
        ("config", "defaults:\n  - base\n", "Could not load 'base'."),
        ("config", "a: b: c\n", "line 1: mapping values are not allowed here"),
        ("config", "a: 1\na: 2\n", "line 2: found duplicate key a"),
        ("config", "a: ${b\n", "no viable alternative at input '${b'"),
        ("config", "- a\n", "primary config 'config' must be a DictConfig, got ListConfig"),
        ("config", "defaults:\n  - config\n", "it includes itself"),
        (
            "experiment/tiny",
            f"{GLOBAL}defaults:\n  - override /model: huge\n",
            "Could not find 'model/huge'",
        ),
        (
            "experiment/tiny",
            f"{GLOBAL}defaults:\n  - override /opt: x\n",
            "Could not override 'opt'. No match in the defaults list.",
        ),
        ("experiment/tiny", "a: [1\n", "line 2: "),
        ("experiment/tiny", f"{GLOBAL}model:\n  seed: ???\n", "nothing fills model.seed: ???"),
        ("experiment/tiny", "seed: ???\n", "nothing fills experiment.seed: ???"),
        ("model/big", "defaults:\n  - nothing\n", "Could not load 'model/nothing'."),
        ("model/big", "a: b: c\n", "line 1: mapping values are not allowed here"),
    ],
)
def test_what_does_not_compose_is_refused(app: Project, path: str, text: str, subject: str) -> None:
    app.write(f"conf/{path}.yaml", text)
    [found], notes = judged(app)
    assert found.startswith(f"conf/{path}.yaml: {subject}")
    assert "\n" not in found
    assert "/tmp" not in found
    assert notes == ()


def test_an_experiment_that_another_includes_may_leave_values_open(app: Project) -> None:
    app.write("conf/experiment/base.yaml", f"{GLOBAL}seed: ???\n")
    app.write("conf/experiment/_part.yaml", f"{GLOBAL}other: ???\n")
    text = f"{GLOBAL}defaults:\n  - base\n  - _part\nseed: 1\n"
    app.write("conf/experiment/tiny.yaml", text)
    assert judged(app)[0] == ["conf/experiment/tiny.yaml: nothing fills other: ???"]
    app.write("conf/experiment/tiny.yaml", f"{text}other: 1\n")
    assert judged(app)[0] == []


def test_a_deleted_option_breaks_what_chose_it(app: Project) -> None:
    app.git("rm", "--quiet", "conf/model/small.yaml")
    [found], _ = judged(app)
    assert found == "conf/config.yaml: Could not find 'model/small'; known: big"


def test_a_broken_primary_config_is_told_once(app: Project) -> None:
    for name in ("a", "b", "c"):
        app.write(f"conf/experiment/{name}.yaml", f"{GLOBAL}lr: 2\n")
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    assert len(judged(app)[0]) == 1


def test_all_are_told_at_once(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: small\n")
    for name in ("a", "b"):
        app.write(f"conf/experiment/{name}.yaml", "defaults:\n  - override /model: no\n")
    assert [one.split(":")[0] for one in judged(app)[0]] == [
        "conf/experiment/a.yaml",
        "conf/experiment/b.yaml",
    ]


# ---------------------------------------------------------------- what is judged is the index


def test_what_counts_is_what_is_staged(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    assert len(judged(app)[0]) == 1
    app.write("conf/config.yaml", "defaults:\n  - model: big\n")
    assert len(judged(app, "train.py")[0]) == 1, "mended, but not staged"
    assert judged(app)[0] == []
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    assert judged(app, "train.py")[0] == [], "broken, but not staged"


def test_nothing_is_started_where_no_config_is_staged(
    app: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*words: object) -> dict[str, Any]:
        raise AssertionError("a process was started")

    monkeypatch.setattr(project_python, "ask_python", ask)
    app.write("conf/config.yaml", "a: b: c\n")
    app.write("train.py", f"{APP}# changed\n")
    app.write("k8s/job.yaml", "a: 1\n")
    assert judged(app, "train.py", "k8s/job.yaml") == ([], ())
    with pytest.raises(AssertionError, match="started"):
        judged(app, "conf")


def test_the_work_tree_and_the_index_stay_as_they_are(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    app.git("add", ".")
    before = app.git("status", "--porcelain", "--ignored")
    assert judged(app)[0] != []
    assert app.git("status", "--porcelain", "--ignored") == before


def test_asked_by_name_elsewhere_all_configs_are_judged(app: Project) -> None:
    app.write("conf/experiment/tiny.yaml", "defaults:\n  - override /model: no\n")
    app.commit()
    assert judged(app) == ([], ())
    assert len(judged(app, stage="run")[0]) == 1
    assert app.xgit("check", "config").returncode == 1


def test_a_first_commit(app: Project) -> None:
    app.git("update-ref", "-d", "HEAD")
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    assert len(judged(app)[0]) == 1


def test_links_lead_where_they_lead(app: Project) -> None:
    app.write("shared/deep.yaml", "size: 3\n")
    (app.root / "conf/model/deep.yaml").symlink_to("../../shared/deep.yaml")
    app.write("conf/config.yaml", "defaults:\n  - model: deep\n")
    assert judged(app) == ([], ())


# ---------------------------------------------------------------- the remedies


def remedy(app: Project) -> str:
    [violation], _ = judge(app, "conf/config.yaml")
    return violation.remedy


def test_the_file_that_was_forgotten_is_added(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: new\n")
    app.write("conf/model/new.yaml", "size: 3\n")
    line = remedy(app)
    assert line == "git add conf/model/new.yaml"
    assert run(app, line).returncode == 0
    assert judged(app) == ([], ())


def test_the_file_that_is_ignored_is_added_by_force(app: Project) -> None:
    app.write(".gitignore", "new.yaml\n")
    app.write("conf/config.yaml", "defaults:\n  - model: new\n")
    app.write("conf/model/new.yaml", "size: 3\n")
    line = remedy(app)
    assert line == "git add --force conf/model/new.yaml"
    assert run(app, line).returncode == 0
    assert judged(app, "conf/config.yaml") == ([], ())


def test_the_config_is_edited_and_staged_again(app: Project, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i.bak s/bgi/big/ "$1" && rm "$1.bak"\n')
    editor.chmod(0o755)
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    line = remedy(app)
    assert line == "${EDITOR:-vi} conf/config.yaml && git add conf/config.yaml"
    assert run(app, line, EDITOR=str(editor)).returncode == 0
    assert judged(app, "train.py") == ([], ())


def test_the_console_script_refuses_a_commit(app: Project) -> None:
    hook = app.root / ".git/hooks/pre-commit"
    call = "from xgit.guards.main import main; main()"
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" config\n', encoding="utf-8")
    hook.chmod(0o755)
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    done = run(app, "git commit -q -am broken")
    assert done.returncode == 1
    assert "  config  conf/config.yaml: Could not find 'model/bgi'; known: " in done.stderr
    app.write("conf/config.yaml", "defaults:\n  - model: big\n")
    assert run(app, "git commit -q -am fine").returncode == 0


# ---------------------------------------------------------------- structured configs

STRUCTURED = """\
from dataclasses import dataclass, field
from hydra.core.config_store import ConfigStore

print("what a module prints is no answer")

@dataclass
class Base:
    lr: float = 0.1

ConfigStore.instance().store(name="base", node=Base)
"""


def test_configs_that_code_registers_are_not_guessed_at(app: Project) -> None:
    app.write("schema.py", STRUCTURED)
    app.write("conf/config.yaml", "defaults:\n  - base\n  - _self_\nlr: 1\n")
    found, [note] = judged(app)
    assert found == []
    assert note.startswith("conf/config.yaml: not checked, the code registers configs")
    app.write("conf/config.yaml", "lr: b: c\n")
    assert len(judged(app)[0]) == 1, "what is wrong with or without them is refused"


def test_modules_that_the_settings_name_are_imported(app: Project) -> None:
    app.write("src/schema.py", STRUCTURED)
    app.write("xgit.toml", '[guards.config]\nimports = ["schema"]\n')
    app.write("conf/config.yaml", "defaults:\n  - base\n  - _self_\nlr: 1\n")
    assert judged(app) == ([], ())
    app.write("conf/config.yaml", "defaults:\n  - base\n  - _self_\nlr: fast\n")
    [found], notes = judged(app)
    assert "'fast' of type 'str' could not be converted to Float" in found
    assert notes == ()
    app.write("src/schema.py", "import nothing_of_this_name\n")
    found_now, [note] = judged(app)
    assert found_now == []
    assert "schema cannot be imported: ModuleNotFoundError" in note


# ---------------------------------------------------------------- where the directory is


def directories(app: Project, chosen: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [(one.path, one.names) for one in find_directories(open_repo(app.root), chosen)]


def test_the_directory_is_the_one_that_programs_name(app: Project) -> None:
    assert directories(app) == [("conf", ("config",))]
    app.write(
        "src/eval.py", 'from hydra import main as m\n@m("../conf", "eval.yaml")\ndef f(): 0\n'
    )
    app.write("src/broken.py", 'import hydra\nhydra.main(config_path="../conf"\n')
    app.write("src/out.py", 'import hydra\nhydra.main(config_path="../../../etc")\n')
    app.write("src/abs.py", 'import hydra\nhydra.main(config_path="/etc", config_name="x")\n')
    app.write("src/gone.py", 'import hydra\nhydra.main(config_path="nowhere", config_name="x")\n')
    app.git("add", ".")
    [(path, names)] = directories(app)
    assert (path, set(names)) == ("conf", {"config", "eval"})
    assert directories(app, "other/") == [("other", ())]


@pytest.mark.parametrize("folder", ["conf", "configs", "config"])
def test_else_it_is_the_usual_one_that_has_a_defaults_list(project: Project, folder: str) -> None:
    project.write("train.py", "import hydra\nhydra.main(config_path=str(here), config_name='x')\n")
    project.write(f"{folder}/a.yaml", "x: 1\n")
    project.write("configs/dir.yaml/x.yaml", "x: 1\n")
    project.git("add", ".")
    assert directories(project) == []
    project.write(f"{folder}/train.yaml", "defaults:\n- a\n")
    assert directories(project) == [(folder, ())]


def test_settings_name_the_directory(app: Project) -> None:
    app.write("xgit.toml", '[guards.config]\ndirectory = "hydra/configs"\n')
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    app.write("hydra/configs/main.yaml", "defaults:\n  - nothing\n")
    assert judged(app)[0] == ["hydra/configs/main.yaml: Could not load 'nothing'."]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("defaults:\n  - a\n", True),
        ("x: 1\ndefaults :  # these\n\n  # that\n- a\n", True),
        ("defaults: [a, b]\n", True),
        ("defaults: &d\n  a: 1\n", False),
        ("defaults:\n  a: 1\n", False),
        ("defaults_of_mine:\n  - a\n", False),
        ("x:\n  defaults:\n    - a\n", False),
        ("", False),
        ("defaults:", False),
    ],
)
def test_defaults_lists(text: str, has: bool) -> None:
    assert has_defaults(text) is has


# ---------------------------------------------------------------- the project's Python


def make_venv(app: Project, folder: str) -> Path:
    """A virtual environment without Hydra."""
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", app.root / folder], check=True)
    app.write(".gitignore", f"/{folder}/\n")
    return app.root / folder / "bin/python"


def broken(app: Project) -> None:
    app.write("conf/config.yaml", "defaults:\n  - model: bgi\n")
    app.git("add", "conf")


@pytest.mark.parametrize("folder", [".venv", "venv"])
def test_without_hydra_it_is_said_that_nothing_was_checked(app: Project, folder: str) -> None:
    make_venv(app, folder)
    broken(app)
    found, [note] = judged(app)
    assert found == []
    assert note == (
        f"the configs in conf were not composed: {folder}/bin/python was asked, but it has no Hydra"
    )
    done = app.xgit("check", "--stage", "commit", "config")
    assert (done.returncode, done.stderr) == (0, f"  note: {note}\n")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho dying >&2\nexit 3\n", "failed: dying"),
        ("#!/bin/sh\nexit 3\n", "failed: exit code 3"),
        ("#!/bin/sh\necho hello\n", "failed: exit code 0"),
        ("#!/nowhere/python\n", "cannot be started: No such file or directory"),
        ("", "cannot be started: Exec format error"),
        (None, "cannot be started: No such file or directory"),
    ],
)
def test_a_broken_python_is_told(app: Project, script: str | None, said: str) -> None:
    python = app.root / "venv/bin/python"
    python.parent.mkdir(parents=True)
    if script is None:
        python.symlink_to("/nowhere/python3.7")
    else:
        python.write_text(script, encoding="utf-8")
        python.chmod(0o755)
    broken(app)
    found, [note] = judged(app, "conf")
    assert found == []
    assert note == f"the configs in conf were not composed: {python} {said}"


def test_a_python_that_hangs_is_ended_with_all_it_started(
    app: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = app.root / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/pid\nwait\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(project_python, "TIMEOUT_SECONDS", 1)
    broken(app)
    found, [note] = judged(app, "conf")
    assert (found, note.endswith("gave no answer in 1 s")) == ([], True)
    pid = (tmp_path / "pid").read_text().strip()
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_what_no_time_was_left_for_is_told(app: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_python, "COMPOSE_SECONDS", -1)
    broken(app)
    assert judged(app) == ([], ("no time was left to compose config, experiment=tiny",))


def test_a_python_that_came_with_the_repository_is_not_run(app: Project, tmp_path: Path) -> None:
    python = app.write(".venv/bin/python", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    python.chmod(0o755)
    app.git("add", "--force", ".venv")
    broken(app)
    assert len(judged(app)[0]) == 1
    assert not (tmp_path / "ran").exists()


def test_the_environment_of_a_hook_is_not_the_projects(tmp_path: Path) -> None:
    own = Path(sys.prefix, "bin")
    other = tmp_path / "bin"
    other.mkdir()
    (other / "python3").symlink_to(shutil.which("sh") or "")
    environ = {"VIRTUAL_ENV": sys.prefix, "PATH": f"{own}{os.pathsep}{other}"}
    find = project_python.find_python
    assert find("/nowhere", environ, {}) == str(own / "python3")
    assert find("/nowhere", {**environ, "PRE_COMMIT": "1"}, {}) == str(other / "python3")
    with pytest.raises(project_python.NotAsked, match="there is no Python"):
        find("/nowhere", {"VIRTUAL_ENV": sys.prefix, "PATH": "", "PRE_COMMIT": "1"}, {})


def test_files_of_the_project_stand_in_for_no_library(app: Project) -> None:
    for name in ("json", "hydra", "yaml", "omegaconf", "re"):
        app.write(f"{name}.py", "raise RuntimeError('the wrong one')\n")
        app.write(f"src/{name}.py", "raise RuntimeError('the wrong one')\n")
    broken(app)
    assert len(judged(app)[0]) == 1


def test_the_script_is_python_3_8() -> None:
    import ast

    source = project_python.SCRIPT.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    names = dedent(source)
    assert "from xgit" not in names
    assert "import xgit" not in names
