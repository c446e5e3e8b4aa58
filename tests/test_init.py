"""`xgit init`: what it lays down works, and what it adds to leaves every other byte alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import BIN, Project
from tests.dvc_project import dvc
from tests.untouched import everything
from xgit.errors import XgitError
from xgit.setup import files
from xgit.setup.hook_config import with_hooks
from xgit.setup.nouns import ByHand, Change
from xgit.setup.project_files import METRICS, with_ignored, with_metrics, with_settings
from xgit.templates import template

APP = """import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    pass

main()
"""


def init(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xgit", "init", *args], cwd=folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def told(folder: Path, *args: str) -> dict[str, Any]:
    done = init(folder, "--json", *args)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def sh(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False
    )


def hooks_of(project: Project) -> dict[str, bytes]:
    folder = project.root / project.git("rev-parse", "--git-path", "hooks")
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix != ".sample"}


def is_done(project: Project) -> None:
    """A second time nothing is changed, and that is said."""
    before = everything(project), hooks_of(project)
    done = init(project.root)
    assert done.returncode == 0, done.stderr
    assert f"nothing to change in {project.root}" in done.stdout
    assert (everything(project), hooks_of(project)) == before


@pytest.fixture
def hydra_app(project: Project) -> Project:
    project.write("train.py", APP)
    project.write("conf/config.yaml", "defaults:\n  - _self_\nlr: 0.1\n")
    project.commit()
    return project


# ---------------------------------------------------------------- a new project


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "My Project"
    folder.mkdir()
    return folder


def published(folder: Path) -> Project:
    project = Project(folder, folder.parent / "origin.git")
    subprocess.run(["git", "init", "--quiet", "--bare", project.origin], check=True)
    project.git("remote", "add", "origin", str(project.origin))
    project.git("push", "--quiet", "--set-upstream", "origin", "HEAD")
    return project


@pytest.mark.slow
def test_a_new_project_passes_its_guards_its_hooks_and_runs(
    empty: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    done = init(empty)
    assert done.returncode == 0, done.stderr
    assert "git init, since there was no repository" in done.stdout
    after = done.stdout.splitlines()[-1].removeprefix("next: ")
    assert after.startswith("pre-commit install && git add ")
    committed = sh(empty, after)
    assert committed.returncode == 0, committed.stderr
    assert "xgit guards of a commit" in committed.stderr
    assert told(empty)["next"] == "xgit check"

    project = published(empty)
    assert project.git("status", "--porcelain") == ""
    assert project.xgit("check").returncode == 0
    assert project.xgit("check", "--stage", "ci").returncode == 0
    for stage in ("pre-commit", "pre-push"):
        argv = [f"{BIN}/pre-commit", "run", "--all-files", "--hook-stage", stage]
        ran = subprocess.run(argv, cwd=empty, capture_output=True, text=True, check=False)
        assert (ran.returncode, "Passed" in ran.stdout) == (0, True), ran.stdout

    run = project.xgit("exp", "run", "--why", "a baseline", "--name", "one")
    assert run.returncode == 0, run.stderr
    shown = json.loads(project.xgit("exp", "show", "one", "--json").stdout)
    assert set(shown["metrics"]) == {"loss", "slope", "intercept"}
    assert abs(shown["metrics"]["slope"] - 2) < 0.1
    noisy = project.xgit("exp", "run", "+experiment=noisy", "--expect", "loss < 1")
    assert noisy.returncode == 0, noisy.stderr
    assert "expectation met" in noisy.stderr
    assert project.git("status", "--porcelain") == ""
    is_done(project)


def test_the_hooks_of_a_new_project_refuse(
    empty: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    assert sh(empty, told(empty)["next"]).returncode == 0
    (empty / "conf/config.yaml").write_text("defaults: [nowhere: x]\nuser: ${oc.env:SOME_USER}\n")
    done = sh(empty, "git commit -am broken")
    assert done.returncode == 1
    assert "SOME_USER (conf/config.yaml:2) is not declared" in done.stderr


def test_a_new_project_is_named_after_its_directory(empty: Path) -> None:
    assert told(empty, "--template", "project")["root"] == str(empty)
    project = tomllib.loads((empty / "pyproject.toml").read_text())
    assert project["project"]["name"] == "my-project"
    other = empty.parent / "Digits_2"
    other.mkdir()
    told(other)
    assert 'name = "digits-2"' in (other / "pyproject.toml").read_text()
    assert (other / "README.md").read_text().startswith("# digits-2\n")


def test_what_a_git_host_has_made_is_kept(project: Project) -> None:
    project.git("rm", "--quiet", "train.py")
    project.write("README.md", "mine\n")
    project.write("LICENSE", "mine\n")
    project.commit()
    document = told(project.root)
    assert document["changed"] == [".gitignore"]
    assert "train.py" in document["created"]
    assert document["notes"] == ["README.md was there, and was left as it is"]
    assert (project.root / "README.md").read_text() == "mine\n"
    assert (project.root / ".gitignore").read_text() == (
        "__pycache__/\nignored/\n.venv/\nvenv/\noutputs/\nmultirun/\n"
    )
    is_done(project)


def test_a_template_is_for_an_empty_directory(project: Project) -> None:
    done = init(project.root, "--template", "project")
    assert done.returncode == 2
    assert "hint: xgit init" in done.stderr
    assert init(project.root, "--template", "house").returncode == 2
    assert project.git("status", "--porcelain") == ""


def test_a_clone_without_checkout_is_no_new_project(project: Project, tmp_path: Path) -> None:
    project.git("clone", "--quiet", "--no-checkout", str(project.origin), str(tmp_path / "clone"))
    assert "train.py" not in told(tmp_path / "clone", "--dry-run")["created"]


def test_the_template_has_the_hooks_that_are_added_elsewhere() -> None:
    text = (template("project") / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["repos"] == yaml.safe_load(with_hooks(""))["repos"]
    assert with_hooks(text) == text


# ---------------------------------------------------------------- what is added


def test_a_hydra_app(hydra_app: Project) -> None:
    document = told(hydra_app.root)
    assert document["created"] == [
        "xgit.toml", ".git/hooks/pre-commit", ".git/hooks/pre-push", ".git/hooks/post-checkout",
    ]  # fmt: skip
    assert document["changed"] == [".gitignore"]
    assert document["found"] == ["Hydra configs in conf", "what trains: python train.py"]
    assert document["next"] == 'git add xgit.toml .gitignore && git commit -m "Add xgit"'
    assert tomllib.loads((hydra_app.root / "xgit.toml").read_text()) == {
        "command": "python train.py"
    }
    ignored = (hydra_app.root / ".gitignore").read_text()
    assert ignored == "__pycache__/\nignored/\noutputs/\nmultirun/\n"
    is_done(hydra_app)
    assert sh(hydra_app.root, document["next"]).returncode == 0
    hydra_app.git("push", "--quiet", "origin", "HEAD")
    assert told(hydra_app.root)["next"] == "xgit check"
    assert hydra_app.xgit("exp", "run", "lr=1").returncode == 0


def test_native_hooks_work_and_hooks_that_are_there_stay(project: Project) -> None:
    before = "#!/bin/sh\nexit 0\n"
    mine = project.write(".git/hooks/pre-push", before)
    mine.chmod(0o755)
    document = told(project.root)
    assert "the hook pre-push that is there was left as it is" in document["notes"][0]
    assert mine.read_text() == before
    assert os.access(project.root / ".git/hooks/pre-commit", os.X_OK)
    is_done(project)
    project.write("xgit.toml", '[guards]\ncommit = ["untracked"]\n')
    project.write("new.py", "x")
    done = sh(project.root, "git commit --allow-empty -m x")
    assert done.returncode == 1
    assert "untracked  new.py" in done.stderr


def test_a_chosen_hooks_path_stays(project: Project) -> None:
    project.git("config", "core.hooksPath", ".husky")
    document = told(project.root)
    assert document["created"] == ["xgit.toml"]
    assert "core.hooksPath is set" in document["notes"][0]
    assert project.git("config", "core.hooksPath") == ".husky"


def test_dvc(hydra_app: Project) -> None:
    dvc(hydra_app.root, "init", "--quiet")
    text = "# mine\nstages:\n  train:\n    cmd: python train.py   # one\n    deps: [train.py]\n"
    hydra_app.write("dvc.yaml", text)
    hydra_app.commit()
    document = told(hydra_app.root)
    assert "dvc.yaml" in document["changed"]
    assert "DVC" in document["found"]
    after = (hydra_app.root / "dvc.yaml").read_text()
    assert after.startswith(text)
    assert after.endswith("\nmetrics:\n  - .xgit/metrics.json\n")
    done = subprocess.run(
        [BIN / "dvc", "metrics", "show"], cwd=hydra_app.root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "dvc.yaml" not in done.stderr, done.stderr
    is_done(hydra_app)


COMMENTED = """\
# Our hooks. Do not sort!
exclude: ^vendor/   # third party

repos:
  - repo: https://example.com/a   # pinned
    rev: "v1"
    hooks:
      - id: x
        args: [--one,
               --two]   # why

  - repo: local
    hooks:
      - id: y
        name: 'it''s mine'
        entry: |
          sh -c
          true
        language: system
      # - id: z
  # - repo: https://example.com/gone

# what the service does
ci:
    autofix_prs: false
"""


@pytest.mark.slow
def test_a_configuration_of_pre_commit(project: Project) -> None:
    project.write(".pre-commit-config.yaml", COMMENTED)
    project.commit()
    document = told(project.root)
    assert document["changed"] == [".pre-commit-config.yaml"]
    assert document["created"] == ["xgit.toml"]
    assert document["next"].startswith("pre-commit install && git add ")
    assert "pre-commit install --hook-type pre-push" in document["notes"][0]
    after = (project.root / ".pre-commit-config.yaml").read_text()
    head, gone, tail = COMMENTED.partition("  # - repo: https://example.com/gone\n")
    assert after.startswith(head + gone)
    assert after.endswith(tail)
    added = after.removeprefix(head + gone).removesuffix(tail)
    assert added.startswith("  # xgit refuses")
    assert added.splitlines()[1:4] == [
        "  - repo: local", "    hooks:", "      - id: xgit-commit",
    ]  # fmt: skip
    argv = [f"{BIN}/pre-commit", "validate-config"]
    assert subprocess.run(argv, cwd=project.root, check=False).returncode == 0
    is_done(project)


def test_a_configuration_that_has_xgit_stays(project: Project) -> None:
    text = "repos:\n- repo: somewhere\n  rev: v1\n  hooks: [{id: xgit-guard}]\n"
    project.write(".pre-commit-config.yaml", text)
    project.commit()
    assert told(project.root)["changed"] == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", ""])
def test_pyproject_without_a_table(project: Project, end: str) -> None:
    text = '# mine\n[project]\nname = "x"  # short\n[tool.ruff]\nline-length = 99'
    text = text.replace("\n", "\r\n") if "\r" in end else text
    (project.root / "pyproject.toml").write_bytes((text + end).encode())
    project.commit()
    assert told(project.root)["changed"] == ["pyproject.toml"]
    after = (project.root / "pyproject.toml").read_bytes().decode()
    assert after.startswith(text + end)
    assert ("\r\n" in end) == ("\r\n" in after)
    assert after.count("\n") == after.count("\r\n") or "\r" not in after
    assert tomllib.loads(after)["tool"]["xgit"] == {"command": "python train.py"}
    is_done(project)


@pytest.mark.parametrize("name", ["pyproject.toml", "xgit.toml"])
def test_settings_that_are_there_stay(project: Project, name: str) -> None:
    table = "[tool.xgit]\n" if name == "pyproject.toml" else ""
    project.write(name, f"{table}log_bytes = 1000 # small\n")
    project.commit()
    document = told(project.root)
    assert document["changed"] == []
    assert all(path.startswith(".git/") for path in document["created"])
    is_done(project)


def test_windows_line_ends(hydra_app: Project) -> None:
    config = COMMENTED.replace("\n", "\r\n")
    (hydra_app.root / ".gitignore").write_bytes(b"*.pyc\r\nscratch")
    (hydra_app.root / ".pre-commit-config.yaml").write_bytes(config.encode())
    hydra_app.commit()
    told(hydra_app.root)
    ignored = (hydra_app.root / ".gitignore").read_bytes()
    assert ignored == b"*.pyc\r\nscratch\r\noutputs/\r\nmultirun/\r\n"
    after = (hydra_app.root / ".pre-commit-config.yaml").read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n")
    is_done(hydra_app)


def test_what_is_ignored_already_is_not_added(hydra_app: Project) -> None:
    hydra_app.write(".gitignore", "/out*/\n__pycache__/\nmultirun\n")
    hydra_app.commit()
    assert told(hydra_app.root)["changed"] == []


def test_what_only_this_machine_ignores_is_added(hydra_app: Project) -> None:
    hydra_app.write(".git/info/exclude", "outputs/\nmultirun/\n")
    assert told(hydra_app.root)["changed"] == [".gitignore"]


def test_outputs_that_git_tracks_are_not_ignored(hydra_app: Project) -> None:
    hydra_app.write("outputs/kept.txt", "x")
    hydra_app.commit()
    document = told(hydra_app.root)
    assert any("git tracks files in outputs/" in note for note in document["notes"])
    assert (hydra_app.root / ".gitignore").read_text().endswith("ignored/\nmultirun/\n")


# ---------------------------------------------------------------- what trains


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ({"train.py": ""}, "python train.py"),
        ({"pkg/__init__.py": "", "pkg/train.py": ""}, "python -m pkg.train"),
        ({"src/pkg/__init__.py": "", "src/pkg/train.py": APP}, "python -m pkg.train"),
        ({"scripts/train.py": ""}, "python scripts/train.py"),
        ({"my scripts/train.py": ""}, "python 'my scripts/train.py'"),
        ({"run.py": APP, "train.py": ""}, "python run.py"),
        ({"train.py": "", "a/train.py": ""}, "python train.py"),
        ({"eval.py": APP, "train.py": APP}, "python train.py"),
        ({"fit.py": "", "tests/train.py": APP}, None),
        ({"eval.py": APP, "fit.py": APP}, None),
        ({"fit.py": "", "dvc.yaml": "stages: {train: {cmd: python fit.py --fast}}"},
         "python fit.py --fast"),
        ({"fit.py": "", "dvc.yaml": "stages: {train: {cmd: 'a && b'}}"}, None),
        ({"fit.py": "", "dvc.yaml": "stages: {train: {cmd: 'a ${x}'}}"}, None),
    ],
)  # fmt: skip
def test_the_training_command(
    project: Project, written: dict[str, str], command: str | None
) -> None:
    (project.root / "train.py").unlink()
    for path, text in written.items():
        project.write(path, text)
    project.commit()
    told(project.root)
    settings = tomllib.loads((project.root / "xgit.toml").read_text())
    assert settings == ({} if command is None else {"command": command})
    if command is None:
        assert "# command = " in (project.root / "xgit.toml").read_text()
    is_done(project)


def test_all_candidates_stand_in_the_comment(project: Project) -> None:
    (project.root / "train.py").unlink()
    project.write("fit.py", APP)
    project.write("eval.py", APP)
    told(project.root)
    text = (project.root / "xgit.toml").read_text()
    assert '# command = "python eval.py"\n# command = "python fit.py"\n' in text


# ---------------------------------------------------------------- nothing at all


def unchanged(project: Project, *said: str) -> None:
    before = everything(project), hooks_of(project)
    for args in ((), ("--dry-run",)):
        done = init(project.root, *args)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        for part in said:
            assert part in done.stderr
    assert (everything(project), hooks_of(project)) == before


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[project\n", "pyproject.toml is not valid TOML"),
        ("xgit.toml", "command = \n", "xgit.toml is not valid TOML"),
        ("xgit.toml", "comand = 'x'\n", "unknown setting 'comand'"),
        (".pre-commit-config.yaml", "repos: [\n", ".pre-commit-config.yaml: it is not valid YAML"),
        ("dvc.yaml", "stages: {a: }}\n", "dvc.yaml: it is not valid YAML"),
    ],
)
def test_a_file_that_is_not_valid(hydra_app: Project, name: str, text: str, said: str) -> None:
    dvc(hydra_app.root, "init", "--quiet")
    hydra_app.write(name, text)
    hydra_app.commit()
    unchanged(hydra_app, said)


@pytest.mark.parametrize("name", [".gitignore", ".pre-commit-config.yaml", "pyproject.toml"])
def test_a_file_that_is_not_writable(hydra_app: Project, name: str) -> None:
    texts = {"pyproject.toml": "[tool.x]\n", ".pre-commit-config.yaml": "repos: []\n"}
    for path, text in texts.items():
        hydra_app.write(path, "repos:\n- {repo: meta, hooks: []}\n" if "repos" in text else text)
    hydra_app.commit()
    (hydra_app.root / name).chmod(0o444)
    unchanged(hydra_app, f"{name} is read-only; nothing was changed", f"chmod u+w {name}")
    assert sh(hydra_app.root, f"chmod u+w {name}").returncode == 0
    assert name in told(hydra_app.root)["changed"]


def test_a_file_that_is_not_utf_8(hydra_app: Project) -> None:
    (hydra_app.root / ".gitignore").write_bytes(b"caf\xe9\n")
    unchanged(hydra_app, ".gitignore is not UTF-8")


def test_no_regular_file(hydra_app: Project, tmp_path: Path) -> None:
    (hydra_app.root / ".gitignore").unlink()
    (hydra_app.root / ".gitignore").mkdir()
    (hydra_app.root / ".gitignore/x").write_text("x")
    unchanged(hydra_app, ".gitignore is not a regular file")
    shutil.rmtree(hydra_app.root / ".gitignore")
    outside = tmp_path / "shared"
    outside.write_text("*.pyc\n")
    (hydra_app.root / ".gitignore").symlink_to(outside)
    unchanged(hydra_app, ".gitignore is a link that leads out of the project, or nowhere")
    assert outside.read_text() == "*.pyc\n"


def test_a_link_inside_the_project_stays_a_link(hydra_app: Project) -> None:
    config = hydra_app.write("tools/hooks.yaml", "repos:\n- {repo: meta, hooks: []}\n")
    config.chmod(0o640)
    (hydra_app.root / ".pre-commit-config.yaml").symlink_to("tools/hooks.yaml")
    hydra_app.commit()
    told(hydra_app.root)
    assert (hydra_app.root / ".pre-commit-config.yaml").is_symlink()
    assert "xgit-commit" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o640
    is_done(hydra_app)


def test_all_are_put_back_when_one_cannot_be_written(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.write_bytes(b"old")
    changes = [
        Change("first", first, b"old", b"new"),
        Change("a/b/second", tmp_path / "a/b/second", None, b"new"),
        Change("first", first, b"old", b"other"),  # by then it has changed
    ]
    with pytest.raises(XgitError, match="was changed just now"):
        files.write(changes)
    assert first.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_bytes(b"of another")
    with pytest.raises(XgitError, match="was made just now"):
        files.write([Change("new", path, None, b"mine")])
    assert path.read_bytes() == b"of another"
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


# ---------------------------------------------------------------- dry run


def test_a_dry_run_changes_nothing_and_tells_what_would_be(hydra_app: Project) -> None:
    before = everything(hydra_app), hooks_of(hydra_app)
    done = init(hydra_app.root, "--dry-run")
    assert done.returncode == 0
    assert (everything(hydra_app), hooks_of(hydra_app)) == before
    told(hydra_app.root)
    assert "--- a/.gitignore\n+++ b/.gitignore\n@@ -1,2 +1,4 @@\n" in done.stdout
    assert "+outputs/\n" in done.stdout
    assert "--- /dev/null\n+++ b/xgit.toml\n" in done.stdout


def test_the_diff_can_be_applied_by_git(hydra_app: Project) -> None:
    hydra_app.write(".gitignore", "no newline at the end")
    hydra_app.git("config", "core.hooksPath", "elsewhere")
    diff = told(hydra_app.root, "--dry-run")["diff"]
    other = hydra_app.root.parent / "diff"
    other.write_text(diff)
    before = dict(everything(hydra_app))
    hydra_app.git("apply", str(other))
    by_git = everything(hydra_app)
    hydra_app.git("apply", "--reverse", str(other))
    assert everything(hydra_app) == before
    told(hydra_app.root)
    assert everything(hydra_app) == by_git


def test_a_dry_run_makes_no_repository(empty: Path) -> None:
    done = init(empty, "--dry-run")
    assert done.returncode == 0
    assert "git init would come first" in done.stderr
    assert "+++ b/train.py" in done.stdout
    assert os.listdir(empty) == []


def test_names_cannot_forge_what_is_told(project: Project) -> None:
    project.write(".gitignore", "\x1b[2Jgone\n")
    project.write("train.py", APP)
    done = init(project.root, "--dry-run")
    assert "\x1b" not in done.stdout
    assert " \\x1b[2Jgone" in done.stdout


def test_nothing_of_a_hostile_configuration_runs(hydra_app: Project) -> None:
    mark = hydra_app.root.parent / "ran"
    hydra_app.write(".gitattributes", "* filter=evil diff=evil\n")
    ignored = hydra_app.write(".gitignore", "outputs/\nmultirun/\n")
    hydra_app.commit()
    for key in ("filter.evil.clean", "diff.evil.textconv", "core.fsmonitor"):
        hydra_app.git("config", key, f"touch {mark}; cat")
    os.utime(ignored, (1, 1))  # so that git has to compare the content
    assert init(hydra_app.root).returncode == 0
    assert not mark.exists()


# ---------------------------------------------------------------- every shape of repository


def test_files_without_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text(APP)
    (folder / ".gitignore").write_text("outputs/\n")
    document = told(folder)
    assert document["git_init"] is True
    assert document["found"] == ["Hydra", "what trains: python train.py"]
    assert document["changed"] == [".gitignore"]
    assert (folder / ".gitignore").read_text() == "outputs/\nmultirun/\n"
    assert (folder / ".git/hooks/pre-commit").is_file()
    assert sh(folder, document["next"]).returncode == 0
    project = Project(folder, tmp_path / "none")
    is_done(project)


def test_a_broken_repository_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    done = init(tmp_path)
    assert done.returncode == 2
    assert os.listdir(tmp_path) == [".git"]


def test_a_subdirectory(hydra_app: Project) -> None:
    document = told(hydra_app.root / "conf")
    assert document["root"] == str(hydra_app.root)
    assert document["next"].startswith("git add ../xgit.toml ../.gitignore && ")
    assert sh(hydra_app.root / "conf", document["next"]).returncode == 0
    assert os.listdir(hydra_app.root / "conf") == ["config.yaml"]
    is_done(hydra_app)


def test_an_empty_directory_inside_of_a_repository(project: Project) -> None:
    inside = project.root / "new"
    inside.mkdir()
    done = init(inside)
    assert done.returncode == 2
    assert f"lies in the repository {project.root}" in done.stderr
    assert sh(inside, "git init --quiet && xgit init").returncode == 0
    assert (inside / "train.py").is_file()
    assert not (project.root / "xgit.toml").exists()


def test_a_linked_work_tree(hydra_app: Project) -> None:
    hydra_app.git("worktree", "add", "--quiet", "../linked")
    linked = Project(hydra_app.root.parent / "linked", hydra_app.origin)
    document = told(linked.root)
    assert document["root"] == str(linked.root)
    assert "../project/.git/hooks/pre-commit" in document["created"]
    assert not (hydra_app.root / "xgit.toml").exists()
    is_done(linked)
    assert sh(linked.root, document["next"]).returncode == 0


def test_a_bare_repository(project: Project) -> None:
    done = init(project.origin)
    assert done.returncode == 2
    assert "is a bare repository" in done.stderr
    assert "hint: git clone" in done.stderr


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = init(tmp_path)
    assert (done.returncode, os.listdir(tmp_path)) == (2, [])
    assert "error: git is not installed" in done.stderr


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "repos:\n- repo: a\n  rev: v\n  hooks:\n  - id: x\n",
        "repos:\n- repo: a\n  rev: v\n  hooks:\n  - id: x",
        "repos:\n    - repo: a\n      rev: v\n      hooks:\n          - id: x\n\n\n",
        "repos:\n- {repo: a, hooks: [{id: x}]}\nci: {}\n",
        "repos:\n- repo: a\n  hooks:\n  - id: x\n    args:\n    - >-\n      a\n\n      b\nci: 1\n",
        "---\nrepos:\n- repo: a\n  hooks:\n",
        "fail_fast: true\n",
        "\ufeffrepos:\n- repo: a\n  hooks: []\n",
        'repos:\n- repo: a\n  hooks:\n  - id: x\n    args: ["\u2028\U0001f600"]\nci: {}\n',
    ],
)
def test_hooks_are_added_and_nothing_else_changes(text: str) -> None:
    after = with_hooks(text)
    old, new = yaml.safe_load(text) or {}, yaml.safe_load(after)
    assert [hook["id"] for hook in new["repos"][-1]["hooks"]] == ["xgit-commit", "xgit-push"]
    assert {**new, "repos": new["repos"][:-1]} == {"repos": [], **old}
    lines = iter(after.splitlines())
    assert all(line in lines for line in text.splitlines())
    assert with_hooks(after) == after


@pytest.mark.parametrize(
    "text",
    [
        "repos: []\n", "{repos: []}\n", "repos: [{repo: a, hooks: []}]\n", "repos: x\n", "- a\n",
        "x: &h [{id: x}]\nrepos:\n- repo: a\n  hooks: *h\nci: {}\n",
    ],
)  # fmt: skip
def test_hooks_that_a_person_must_add(text: str) -> None:
    with pytest.raises(
        ByHand, match="repos:\n  - repo: local\n    hooks:\n      - id: xgit-commit"
    ):
        with_hooks(text)


def test_what_is_to_be_added_by_hand_is_told(project: Project) -> None:
    project.write(".pre-commit-config.yaml", "repos: [{repo: meta, hooks: []}]\n")
    project.commit()
    done = init(project.root)
    assert done.returncode == 0
    assert "add to it by hand:\n    repos:\n" in done.stderr
    assert "entry: xgit-guard --stage commit\n" in done.stderr
    assert (project.root / "xgit.toml").exists()


def test_settings_beside_unusual_tables() -> None:
    after = with_settings("tool.x = 1\n[a]\n", ["python 'my train.py'"])
    assert after.startswith("tool.x = 1\n[a]\n\n[tool.xgit]\n")
    command = {"command": "python 'my train.py'"}
    assert tomllib.loads(after) == {"tool": {"x": 1, "xgit": command}, "a": {}}


@pytest.mark.parametrize("text", ["tool = {x = {}}\n", "[[tool]]\n", "tool = 3\n"])
def test_settings_that_a_person_must_add(text: str) -> None:
    with pytest.raises(ByHand, match=r"^\[tool.xgit\]\n"):
        with_settings(text, [])


def test_metrics_in_dvc_yaml() -> None:
    assert with_metrics(f"metrics:\n- a\n- {METRICS}\n") == f"metrics:\n- a\n- {METRICS}\n"
    after = with_metrics("metrics:\n- a # one\nplots: []\n")
    assert after.startswith("metrics:\n- a # one\n# every experiment")
    assert after.endswith(f"\n- {METRICS}\nplots: []\n")
    with pytest.raises(ByHand, match=f"metrics:\n  - {METRICS}"):
        with_metrics("metrics: [a]\n")


def test_ignored_paths() -> None:
    assert with_ignored("a\n", ["a", "b/"]) == "a\nb/\n"
    assert with_ignored("", ["a"]) == "a\n"
