"""The project that `xgit demo` lays down, run as its README says and without xgit around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from xgit.settings import load_settings

TEMPLATE = Path(__file__).parent.parent / "templates/demo"


def python(project: Path, *argv: str) -> str:
    """What the program printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template with its data."""
    project = tmp_path_factory.mktemp("demo") / "digits"
    shutil.copytree(TEMPLATE, project)
    python(project, "make_data.py")
    return project


def train(project: Path, name: str, *overrides: str) -> tuple[float, str]:
    """The accuracy that was logged, and the confusion matrix."""
    out = project / "outputs" / name
    said = python(project, "train.py", f"hydra.run.dir={out}", *overrides)
    return float(said.split("accuracy ")[1]), (out / "confusion.csv").read_text(encoding="utf-8")


def test_the_data_is_real_and_the_same_every_time(demo: Path) -> None:
    data = demo / "data/digits.csv"
    first = data.read_bytes()
    lines = first.decode().splitlines()
    assert len(lines) == 1 + 1797
    assert lines[0].startswith("pixel_0_0,")
    assert lines[0].endswith(",pixel_7_7,digit")
    assert {line.rpartition(",")[2] for line in lines[1:]} == set("0123456789")
    python(demo, "make_data.py")
    assert data.read_bytes() == first


def test_a_run_repeats_exactly_and_another_seed_differs(demo: Path) -> None:
    first = train(demo, "first")
    assert first[0] > 0.9
    assert train(demo, "again") == first
    assert train(demo, "seed", "seed=2") != first


def test_another_model_with_an_override(demo: Path) -> None:
    accuracy, _ = train(demo, "strong", "model=svm", "model.C=10")
    assert accuracy > 0.95
    weak, _ = train(demo, "weak", "model=svm", "model.C=0.001")
    assert weak < accuracy


def test_an_unknown_model_is_refused_by_name(demo: Path) -> None:
    argv = [sys.executable, "train.py", "model.name=forest"]
    done = subprocess.run(argv, cwd=demo, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no model 'forest'" in done.stderr


def test_what_a_run_leaves_is_ignored_by_git(demo: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=demo, check=True)
    subprocess.run(["git", "add", "--all"], cwd=demo, check=True)
    python(demo, "train.py")
    status = subprocess.check_output(["git", "status", "--porcelain"], cwd=demo, text=True)
    assert [line for line in status.splitlines() if not line.startswith("A ")] == []
    staged = subprocess.check_output(["git", "ls-files"], cwd=demo, text=True).splitlines()
    assert ".gitignore" in staged
    assert "conf/model/svm.yaml" in staged


def test_the_command_and_the_requirements_are_valid(demo: Path) -> None:
    assert load_settings(demo).command == ("python", "train.py")
    project = tomllib.loads((demo / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "digits"


def test_the_repository_of_xgit_tracks_every_file_of_it() -> None:
    root = TEMPLATE.parent.parent
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    files = [str(path) for path in TEMPLATE.rglob("*") if path.is_file()]
    wanted = [path for path in files if "__pycache__" not in path]
    argv = ["git", "check-ignore", "--no-index", *wanted]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
