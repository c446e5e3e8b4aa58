"""An environment that is not what the lock says is refused, and the printed command mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.capture.cache import Cache
from xgit.capture.environment import installed as capture
from xgit.capture.environment.interpreter import environment_of
from xgit.capture.environment.lock import read_lock
from xgit.git import plumbing
from xgit.guards import environment
from xgit.record.model import Installed, Lock, Package, RepoState, Violation

RUN = ("python", "train.py")


@pytest.fixture
def venv(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An active virtual environment at the usual place of the project, empty."""
    folder = project.root / ".venv"
    project.write(".gitignore", ".venv/\n")
    make_venv(folder)
    monkeypatch.setenv("VIRTUAL_ENV", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


def make_venv(folder: Path) -> None:
    import venv as standard

    standard.create(folder, with_pip=False, symlinks=True)


needs_uv = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")


def _uv(project: Project, *args: str) -> None:
    done = subprocess.run(
        ["uv", *args], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def install(venv: Path, name: str, version: str, direct: str | None = None) -> None:
    """What an installer leaves of a package, without the package."""
    site = next(venv.glob("lib/python3*/site-packages"))
    for old in site.glob(f"{name}-*.dist-info/*"):
        old.unlink()
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    (folder / "INSTALLER").write_text("test")
    (folder / "RECORD").write_text(
        "".join(f"{folder.name}/{part},,\n" for part in ("METADATA", "INSTALLER", "RECORD"))
    )
    if direct:
        (folder / "direct_url.json").write_text(direct)


def wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel with nothing in it."""
    import zipfile

    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def state_of(project: Project, command: tuple[str, ...] = RUN, stage: str = "run") -> RepoState:
    root = os.path.realpath(project.root)
    state = RepoState(root, "0" * 40, "main", pushed=True, command=command, cwd=root, stage=stage)
    repo = plumbing.open_repo(project.root)
    with Cache(repo.private_dir) as cache:
        return capture.add_environment(state, cache, os.environ)


def check(project: Project, command: tuple[str, ...] = RUN) -> tuple[Violation, ...]:
    return environment.check(state_of(project, command))


def paste(project: Project, command: str, **env: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command], cwd=project.root, capture_output=True, text=True,
        env=os.environ | env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stderr}"


# ---------------------------------------------------------------- requirements.txt


@needs_uv
def test_another_version_than_the_pinned_is_installed(
    project: Project, venv: Path, tmp_path: Path
) -> None:
    project.write("requirements.txt", "# ours\nNum_Py==2.4.6  # newest\nabsent==1.0\nscipy>=1\n")
    wheel(tmp_path / "wheels", "num_py", "2.4.6")
    install(venv, "num_py", "2.4.5")
    [found] = check(project)
    assert (found.subject, found.remedy) == (
        "num_py 2.4.5 is installed, requirements.txt says 2.4.6",
        "uv pip install -r requirements.txt",
    )
    project.write("requirements.txt", "Num_Py==2.4.6\nscipy>=1 ; python_version < '3'\n")
    local = {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(tmp_path / "wheels")}
    paste(project, found.remedy, **local)
    assert check(project) == ()


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [
        ("2.3.1+cu121", "2.3.1"),
        ("2.4", "2.4.0"),
        ("1.0rc1", "1.0.0-RC.1"),
        ("1.0.post1", "1.0-post1"),
        ("2024.1.1", "2024.01.1"),
        ("1.0", "v1.0"),
    ],
)
def test_versions_that_are_the_same(installed: str, wanted: str) -> None:
    assert judged(installed, wanted) == ()


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [("2.3.1", "2.3.1+cu121"), ("2.3.1+cpu", "2.3.1+cu121"), ("1.0", "1.0rc1"), ("10", "1")],
)
def test_versions_that_are_not(installed: str, wanted: str) -> None:
    assert len(judged(installed, wanted)) == 1


def judged(installed: str, wanted: str) -> tuple[Violation, ...]:
    lock = Lock("pylock.toml", {"torch": (wanted,)})
    there = Installed("/r/.venv", {"torch": Package(installed)}, "uv pip install")
    return environment.check(
        RepoState("/r", "0" * 40, "main", pushed=True, lock=lock, installed=there)
    )


def test_any_of_several_versions_is_fine() -> None:
    lock = Lock("uv.lock", {"torch": ("2.3.1", "2.4.0")})
    there = Installed("/r/.venv", {"torch": Package("2.4.0")}, "uv pip install")
    state = RepoState("/r", "0" * 40, "main", pushed=True, lock=lock, installed=there)
    assert environment.check(state) == ()


def test_included_files_hashes_and_extras(project: Project, venv: Path) -> None:
    project.write("requirements.txt", "-r requirements/base.txt\n-r ../outside.txt\n-e .\n")
    project.write(
        "requirements/base.txt",
        "-r base.txt\nuvicorn[standard]==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
        "ranged==1.0,<2\nwild==1.*\nurl @ https://host/x\n",
    )
    lock, notes = locked(project)
    assert lock is not None
    assert (lock.versions, notes) == ({"uvicorn": ("1.0",)}, ())


def locked(project: Project) -> tuple[Lock | None, tuple[str, ...]]:
    repo = plumbing.open_repo(project.root)
    with Cache(repo.private_dir) as cache:
        return read_lock(project.root, cache)


def test_requirements_without_a_pin_are_no_lock(project: Project, venv: Path) -> None:
    project.write("requirements.txt", "numpy>=2\n")
    assert locked(project) == (None, ())
    assert check(project) == ()


def test_a_lock_that_cannot_be_read_is_told(project: Project, venv: Path) -> None:
    project.write("uv.lock", "[[package]\n")
    state = state_of(project)
    assert environment.check(state) == ()
    assert state.notes[0].startswith("uv.lock was not compared with what is installed: it is not")


# ---------------------------------------------------------------- uv.lock and pylock.toml

PYPROJECT = """
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["Num_Py >=1.0, <3 ; python_version>'3'"{more}]
[project.optional-dependencies]
plot = ["plotter==1.*", "demo[other]"]
other = []
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of three small packages, and no other."""
    folder = tmp_path / "wheels"
    for name, version in (("num_py", "2.4.6"), ("plotter", "1.2"), ("sci_py", "1.0")):
        wheel(folder, name, version)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    return folder


@needs_uv
def test_uv_lock_that_pyproject_has_left_behind(project: Project, venv: Path, wheels: Path) -> None:
    project.write("pyproject.toml", PYPROJECT.format(more=""))
    _uv(project, "lock")
    assert check(project) == ()
    project.write("pyproject.toml", PYPROJECT.format(more=", 'sci.py'"))
    [found] = check(project)
    assert found == Violation(
        "environment", "uv.lock lacks sci-py, which pyproject.toml asks for", "uv lock"
    )
    paste(project, found.remedy)
    assert check(project) == ()
    project.write("pyproject.toml", PYPROJECT.format(more="").replace(">=1.0", ">=2"))
    assert [one.subject for one in check(project)] == [
        "uv.lock was made for num-py <3,>=1.0, pyproject.toml asks for <3,>=2",
        "uv.lock still has sci-py, which pyproject.toml does not ask for",
    ]
    paste(project, "uv lock")
    assert check(project) == ()


@needs_uv
def test_another_version_than_the_locked(project: Project, venv: Path, wheels: Path) -> None:
    project.write("pyproject.toml", PYPROJECT.format(more=""))
    _uv(project, "lock")
    install(venv, "num_py", "2.4.5")
    install(venv, "further", "1")
    [found] = check(project)
    assert (found.subject, found.remedy) == (
        "num_py 2.4.5 is installed, uv.lock says 2.4.6",
        "uv sync --inexact",
    )
    paste(project, found.remedy)
    assert check(project) == ()
    there = state_of(project).installed
    assert there is not None
    assert "further" in there.packages


@needs_uv
def test_another_environment_than_that_of_the_project(
    project: Project, venv: Path, wheels: Path, tmp_path: Path
) -> None:
    other = tmp_path / "an env"
    make_venv(other)
    project.write(
        "pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "num-py"\nversion = "2.4.6"\n'
    )
    install(other, "num_py", "2.4.5")
    assert check(project) == ()
    command = (str(other / "bin/python"), "train.py")
    [found] = check(project, command)
    assert found.remedy == f"uv pip install --python '{other}' num_py==2.4.6"
    paste(project, found.remedy)
    assert check(project, command) == ()


@needs_uv
def test_the_gist_of_a_lock_is_remembered(project: Project, wheels: Path) -> None:
    project.write("pyproject.toml", PYPROJECT.format(more=""))
    _uv(project, "lock")
    long_ago = 1_000_000_000
    os.utime(project.root / "uv.lock", (long_ago, long_ago))
    repo = plumbing.open_repo(project.root)
    soon = 4_000_000_000_000_000_000
    with Cache(repo.private_dir, clock_ns=lambda: soon) as cache:
        first = read_lock(project.root, cache)
        again = read_lock(project.root, cache)
        known = cache.known_facts(["x"])
    assert first == again
    assert first[0] is not None
    assert first[0].versions == {"num-py": ("2.4.6",), "plotter": ("1.2",)}
    assert known == set()


# ---------------------------------------------------------------- packages of this machine


def test_a_package_that_lies_elsewhere_on_this_machine(
    project: Project, venv: Path, tmp_path: Path
) -> None:
    library = tmp_path / "my lib"
    (library / "mylib").mkdir(parents=True)
    (library / "mylib/__init__.py").write_text("")
    (library / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    direct = f'{{"url": "{library.as_uri()}", "dir_info": {{"editable": true}}}}'
    install(venv, "mylib", "0.1", direct)
    [found] = check(project)
    assert (found.subject, found.remedy) == (
        f"mylib is installed editable from {library}",
        "uv pip install 'mylib @ git+URL'",
    )
    pinned = '{"url": "https://host/mylib", "vcs_info": {"vcs": "git", "commit_id": "%s"}}'
    install(venv, "mylib", "0.1", pinned % ("a" * 40))  # what the remedy leaves
    assert check(project) == ()


def test_a_wheel_of_this_machine(project: Project, venv: Path, tmp_path: Path) -> None:
    install(venv, "mylib", "0.1", f'{{"url": "{tmp_path.as_uri()}/x.whl", "archive_info": {{}}}}')
    [found] = check(project)
    assert found.subject == f"mylib is installed from {tmp_path}/x.whl"


def test_what_lies_in_the_repository_is_fine(project: Project, venv: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project.root)
    for name, url in (("demo", project.root.as_uri()), ("part", f"{link.as_uri()}/part")):
        install(venv, name, "0.1", f'{{"url": "{url}", "dir_info": {{"editable": true}}}}')
    install(venv, "xgit", "0.1", '{"url": "file:///elsewhere", "dir_info": {"editable": true}}')
    assert check(project) == ()


# ---------------------------------------------------------------- which environment


def test_the_program_says_which_environment_it_is(
    project: Project, venv: Path, tmp_path: Path
) -> None:
    root, environ = str(project.root), dict(os.environ)
    other = tmp_path / "other"
    make_venv(other)
    tool = other / "bin/torchrun"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    def prefix(*command: str) -> str | None:
        found = environment_of(command, root, root, environ)
        return found and found.prefix

    assert prefix("python", "x.py") == prefix(".venv/bin/python") == str(venv)
    assert prefix("sh", "train.sh") == str(venv)
    assert prefix(str(tool)) == prefix(str(other / "bin/python3")) == str(other)
    assert prefix("uv", "run", "x.py") is None
    del environ["VIRTUAL_ENV"]
    assert prefix("sh", "train.sh") is None
    assert prefix() == str(venv)


def test_nothing_is_known_of_no_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("requirements.txt", "numpy==2.4.6\n")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    state = state_of(project, (), "ci")
    assert environment.check(state) == ()
    assert state.notes == (
        "requirements.txt was not compared with what is installed: "
        "no environment of the project was found",
    )
    assert state_of(project, ("uv", "run", "train.py")).notes == ()
    project.write("requirements.txt", "")
    assert state_of(project, (), "ci").notes == ()


def test_an_environment_with_the_packages_of_the_system(
    project: Project, venv: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    site = base / "lib" / next(venv.glob("lib/python3*")).name / "site-packages"
    site.mkdir(parents=True)
    (base / "bin").mkdir()
    config = venv / "pyvenv.cfg"
    text = config.read_text().replace("include-system-site-packages = false\n", "")
    text = "".join(line for line in text.splitlines(True) if not line.startswith("home"))
    config.write_text(f"home = {base}/bin\ninclude-system-site-packages = true\n{text}")
    found = environment_of(RUN, str(project.root), str(project.root), os.environ)
    assert found is not None
    assert found.path[-1] == str(site)
    assert len(found.path) == 2


def test_in_the_run(project: Project, venv: Path) -> None:
    project.write("requirements.txt", "numpy==2.4.6\n")
    project.commit("pin")
    install(venv, "numpy", "2.4.5")
    done = project.xgit("exp", "run", "--", "python", "train.py")
    assert done.returncode == 125
    assert "numpy 2.4.5 is installed, requirements.txt says 2.4.6" in done.stderr
    done = project.xgit("exp", "run", "--allow", "environment", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    install(venv, "numpy", "2.4.6")
    done = project.xgit("exp", "run", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
