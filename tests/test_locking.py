"""The lock of a run's environment: asked of a real uv, and of an index on loopback."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.package_index import PackageIndex, served
from tests.test_environment import install
from tests.test_run import kill_leftovers
from xgit.capture.environment import locking, pip_config, uv_program
from xgit.record.model import Environment, Package, Python

needs_uv = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
ANSWER_SECONDS = 60


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index that uv is told of; nothing else is asked."""
    with served(PackageIndex()) as index:
        for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("XGIT_UV", "uv")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        yield index


class Venv:
    """A virtual environment in which distributions are put as an installer leaves them."""

    def __init__(self, folder: Path) -> None:
        make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(make, check=True)
        self.python = str(folder / "bin" / "python")
        (self.site,) = (folder / "lib").glob("python3*/site-packages")

    def add(self, name: str, version: str, direct: object = None) -> None:
        install(self.site, name, version, direct=direct)


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    return Venv(tmp_path / "venv")


def run(project: Project, venv: Venv, name: str, **env: str) -> dict[str, Any]:
    """The record of a run in that environment."""
    done = project.xgit("exp", "run", "--name", name, "--", venv.python, "train.py", env=env)
    assert done.returncode == 0, done.stderr
    document = json.loads(project.git("show", f"experiment/{name}:.xgit/record.json"))
    assert isinstance(document, dict)
    return document


def lock_of(record: Mapping[str, Any]) -> dict[str, Any]:
    lock = record["environment"]["lock"]
    assert isinstance(lock, dict)
    return lock


def text_of(project: Project, name: str) -> str:
    return project.git("show", f"experiment/{name}:.xgit/pylock.toml")


def wait_for_the_answer(project: Project) -> dict[str, Any]:
    """What uv answered in the background."""
    folder = project.root / ".git/xgit/pylock"
    limit = time.monotonic() + ANSWER_SECONDS
    while not (found := list(folder.glob("*.json"))) or list(folder.glob("*.asking")):
        assert time.monotonic() < limit, "no answer came"
        time.sleep(0.02)
    answer = json.loads(found[0].read_text())
    assert isinstance(answer, dict)
    return answer


# ---------------------------------------------------------------- runs


@needs_uv
def test_the_lock_installs_what_the_run_had(
    project: Project, index: PackageIndex, venv: Venv, tmp_path: Path
) -> None:
    digest = index.add_wheel("one", "1.0")
    index.add_wheel("one", "2.0")
    index.add_wheel("two", "0.5")
    venv.add("one", "1.0")
    venv.add("Two", "0.5")
    run(project, venv, "a")
    wait_for_the_answer(project)
    record = run(project, venv, "b")
    lock = lock_of(record)
    assert (lock["source"], lock["missing"], lock["problem"]) == ("uv", [], None)
    text = text_of(project, "b")
    packages = {one["name"]: one for one in tomllib.loads(text)["packages"]}
    assert packages["one"]["version"] == "1.0"
    assert packages["one"]["wheels"][0]["hashes"] == {"sha256": digest}
    assert set(packages) == {"one", "two"}
    assert str(tmp_path) not in text

    run(project, venv, "c")
    blobs = {project.git("rev-parse", f"experiment/{x}:.xgit/pylock.toml") for x in "bc"}
    assert len(blobs) == 1
    page = project.git("show", "experiment/b:.xgit/README.md")
    assert "[pylock.toml](pylock.toml) has them all" in page

    fresh = Venv(tmp_path / "fresh")
    file = tmp_path / "pylock.toml"
    file.write_text(text + "\n")
    sync = ["uv", "pip", "sync", "--quiet", "--python", fresh.python, str(file)]
    subprocess.run(sync, check=True, capture_output=True)
    names = {path.name for path in fresh.site.glob("*.dist-info")}
    assert names == {"one-1.0.dist-info", "two-0.5.dist-info"}


@needs_uv
def test_a_run_waits_for_no_index(project: Project, index: PackageIndex, venv: Venv) -> None:
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    index.open.clear()  # if the run waited, uv would give up, and the problem be another
    lock = lock_of(run(project, venv, "a"))
    assert (lock["source"], lock["problem"]) == (None, locking.NOT_YET)
    assert "pylock.toml" not in project.git("ls-tree", "--name-only", "experiment/a:.xgit")
    assert "had not answered" in project.git("show", "experiment/a:.xgit/README.md")
    assert "no pylock.toml: uv had not" in project.xgit("exp", "show", "a").stdout
    index.open.set()
    assert wait_for_the_answer(project)["locked"] == ["one"]
    assert lock_of(run(project, venv, "b"))["source"] == "uv"


WAITS = "import glob, time\nwhile not glob.glob('.git/xgit/pylock/*.json'): time.sleep(0.01)\n"


@needs_uv
@pytest.mark.parametrize("before", ["", "sleep 0.7; "], ids=["at once", "late"])
def test_a_long_run_has_its_lock_at_once(
    project: Project, index: PackageIndex, venv: Venv, before: str
) -> None:
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    project.write("train.py", WAITS)
    project.commit("long")
    script = f"{before}exec {venv.python} train.py"
    done = project.xgit("exp", "run", "--name", "a", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    record = json.loads(project.git("show", "experiment/a:.xgit/record.json"))
    assert lock_of(record)["source"] == "uv"


@needs_uv
def test_what_is_on_no_index_is_named(project: Project, index: PackageIndex, venv: Venv) -> None:
    index.add_wheel("one", "1.0")
    for name, version in (("one", "1.0"), ("gone", "3.0"), ("gone-too", "1"), ("torch", "2+cu1")):
        venv.add(name, version)
    url = project.root.as_uri()
    venv.add("project", "0.1", direct={"url": url, "dir_info": {"editable": True}})
    run(project, venv, "a")
    wait_for_the_answer(project)
    missing = {one["name"]: one for one in lock_of(run(project, venv, "b"))["missing"]}
    assert set(missing) == {"gone", "gone-too", "torch", "project"}
    assert missing["project"]["directory"] == "."
    assert "xgit exp" not in text_of(project, "b")
    assert "pylock.toml lacks gone, gone-too, project, torch" in (
        project.xgit("exp", "show", "b").stdout
    )


@needs_uv
def test_the_password_of_an_index_goes_nowhere(
    project: Project, index: PackageIndex, venv: Venv, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.login = "ada:hunter2secret"
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    venv.add("gone", "1.0")
    run(project, venv, "a")
    wait_for_the_answer(project)
    assert lock_of(run(project, venv, "b"))["source"] == "uv"
    argv = ["git", "cat-file", "--batch-all-objects", "--batch", "--buffer"]
    kept = subprocess.check_output(argv, cwd=project.root)
    for path in (project.root / ".git/xgit").rglob("*"):
        kept += path.read_bytes() if path.is_file() else b""
    assert b"files/one-1.0" in kept
    assert b"hunter2secret" not in kept


@needs_uv
def test_a_lock_that_holds_a_secret_of_the_run_is_held_back(
    project: Project, index: PackageIndex, venv: Venv
) -> None:
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    run(project, venv, "a")
    wait_for_the_answer(project)
    lock = lock_of(run(project, venv, "b", MIRROR_PASSWORD="files/one-1.0"))
    assert (lock["source"], lock["problem"]) == (
        None,
        "a secret of this run stands in what uv answered",
    )
    assert "pylock.toml" not in project.git("ls-tree", "--name-only", "experiment/b:.xgit")


@needs_uv
def test_an_index_that_cannot_be_reached_is_said(
    project: Project, index: PackageIndex, venv: Venv
) -> None:
    venv.add("one", "1.0")
    nobody = {"UV_DEFAULT_INDEX": "http://ada:hunter2secret@127.0.0.1:9/simple"}
    run(project, venv, "a", **nobody)
    wait_for_the_answer(project)
    lock = lock_of(run(project, venv, "b", **nobody))
    assert lock["source"] is None
    assert lock["problem"].startswith("uv could not ask the index: ")
    assert "hunter2secret" not in lock["problem"]


@needs_uv
def test_without_a_network_the_cache_of_uv_answers(
    project: Project, index: PackageIndex, venv: Venv
) -> None:
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    run(project, venv, "a")
    wait_for_the_answer(project)
    shutil.rmtree(project.root / ".git/xgit/pylock")
    asked = list(index.asked)
    run(project, venv, "b", UV_OFFLINE="1")
    assert wait_for_the_answer(project)["locked"] == ["one"]
    assert index.asked == asked

    venv.add("two", "1.0")
    shutil.rmtree(project.root / ".git/xgit/pylock")
    run(project, venv, "c", UV_OFFLINE="1")
    assert "no network" in wait_for_the_answer(project)["problem"]
    assert index.asked == asked


@needs_uv
def test_a_run_that_lost_its_xgit_has_its_lock(
    project: Project, index: PackageIndex, venv: Venv
) -> None:
    index.add_wheel("one", "1.0")
    venv.add("one", "1.0")
    project.write("train.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    project.write("uv.lock", "")
    project.commit("slow")
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "run", "--name", "a", "--", venv.python, "train.py"],
        cwd=project.root, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    wait_for_the_answer(project)  # uv is asked in a session of its own
    process.kill()
    kill_leftovers(project)
    process.communicate(timeout=30)
    done = project.xgit("exp", "recover")
    assert "experiment/a" in done.stderr + done.stdout
    record = json.loads(project.git("show", "experiment/a:.xgit/record.json"))
    assert lock_of(record)["source"] == "uv"
    assert lock_of(record)["project"] == "uv.lock"
    assert 'name = "one"' in text_of(project, "a")


@needs_uv
def test_the_process_that_asks_holds_nothing_of_the_terminal(
    project: Project, index: PackageIndex, venv: Venv
) -> None:
    import psutil

    venv.add("one", "1.0")
    index.open.clear()
    # `run` reads both streams to their ends: they would not come if uv held them.
    run(project, venv, "a")
    askers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "xgit.capture.environment.uv_program" in (process.info["cmdline"] or ())
        and str(project.root) in "".join(one.path for one in process.open_files())
    ]
    assert len(askers) == 1
    assert os.getsid(askers[0].pid) == askers[0].pid
    assert askers[0].terminal() is None
    index.open.set()
    wait_for_the_answer(project)


def test_no_uv_is_said_and_no_python_needs_none(project: Project, venv: Venv) -> None:
    assert lock_of(run(project, venv, "a"))["problem"] == locking.SWITCHED_OFF
    lock = lock_of(run(project, venv, "b", XGIT_UV="no-such-uv"))
    assert lock["problem"] == "XGIT_UV names no program: no-such-uv"
    assert project.xgit("exp", "run", "--name", "c", "--", "true").returncode == 0
    record = json.loads(project.git("show", "experiment/c:.xgit/record.json"))
    assert record["environment"]["lock"] is None
    assert not (project.root / ".git/xgit/pylock").exists()


@pytest.mark.parametrize(
    ("files", "lock"),
    [
        ({}, None),
        ({"uv.lock": "", "requirements.txt": "a==1\n"}, "uv.lock"),
        ({"pylock.toml": ""}, "pylock.toml"),
        ({"requirements.txt": "a==1\n"}, None),
        ({"requirements.txt": "a==1 --hash=sha256:00\n"}, "requirements.txt"),
    ],
)
def test_the_projects_own_lock_is_named(
    project: Project, venv: Venv, files: dict[str, str], lock: str | None
) -> None:
    for name, text in files.items():
        project.write(name, text)
    if files:
        project.commit("lock")
    project.xgit(
        "exp", "run", "--name", "a", "--allow", "environment", "--", venv.python, "train.py"
    )
    record = json.loads(project.git("show", "experiment/a:.xgit/record.json"))
    assert lock_of(record)["project"] == lock


# ---------------------------------------------------------------- asking


def environment(venv: Venv, packages: Mapping[str, Package]) -> Environment:
    python = Python("3.11.7", "cpython", "gcc", venv.python, str(venv.site))
    return Environment(python, "Linux 6.1 x86_64, glibc 2.36", packages)


def test_the_fingerprint_is_that_of_what_counts(venv: Venv) -> None:
    base = environment(venv, {"a": Package("1"), "b": Package("2")})
    same = base._replace(packages={"B": Package("2"), "a": Package("1")}, variables={"X": "1"})
    assert locking.fingerprint_of(base) == locking.fingerprint_of(same)
    assert base.python is not None
    others = [
        base._replace(packages={"a": Package("1")}),
        base._replace(packages={"a": Package("1", "conda"), "b": Package("2")}),
        base._replace(python=base.python._replace(version="3.12.1")),
        base._replace(platform="Linux 6.1 x86_64, glibc 2.28"),
    ]
    assert len({locking.fingerprint_of(one) for one in (base, *others)}) == 1 + len(others)


def test_a_path_of_the_machine_does_not_count(venv: Venv) -> None:
    base = environment(venv, {})
    assert base.python is not None
    moved = base._replace(python=base.python._replace(executable="/x", prefix="/y"))
    assert locking.fingerprint_of(base) == locking.fingerprint_of(moved)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a process would have been started."""
    calls: list[int] = []
    monkeypatch.setattr(uv_program, "start", calls.append)
    return calls


def keep(
    place: locking.LockPlace, env: Environment, *, age_seconds: float, **answer: object
) -> None:
    path = place.directory / f"{locking.fingerprint_of(env)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"text": None, "locked": [], "problem": None, **answer}))
    then = time.time() - age_seconds
    os.utime(path, (then, then))


@pytest.mark.parametrize(
    ("answer", "age_seconds", "again"),
    [
        ({"text": "x", "locked": ["a"]}, 1e7, False),
        ({"text": "x", "locked": []}, 60, False),
        ({"text": "x", "locked": []}, 1e5, True),
        ({"problem": "no"}, 5, False),
        ({"problem": "no"}, 300, True),
        ({"text": []}, 5, False),
        ({"locked": 3}, 5, True),
    ],
)
def test_an_answer_is_asked_for_again_when_it_may_be_another(
    venv: Venv, tmp_path: Path, asked: list[int],
    answer: dict[str, object], age_seconds: float, again: bool,
) -> None:  # fmt: skip
    env = environment(venv, {"a": Package("1"), "own": Package("1", "editable:/x")})
    place = locking.LockPlace(tmp_path / "kept", tmp_path, {"XGIT_UV": "/bin/sh"})
    keep(place, env, age_seconds=age_seconds, **answer)
    assert locking.ask(env, place) is None
    assert bool(asked) == again


def test_one_environment_is_asked_for_once_at_a_time(
    venv: Venv, tmp_path: Path, asked: list[int]
) -> None:
    env = environment(venv, {"a": Package("1")})
    place = locking.LockPlace(tmp_path / "kept", tmp_path, {"XGIT_UV": "/bin/sh"})
    place.directory.mkdir()
    file = place.directory / f"{locking.fingerprint_of(env)}.asking"
    with file.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert locking.ask(env, place) is None
        assert asked == []
    assert locking.ask(env, place) is None  # the other died: its lock is gone
    assert len(asked) == 1


def test_a_directory_that_cannot_be_written_is_said(
    venv: Venv, tmp_path: Path, asked: list[int]
) -> None:
    (tmp_path / "file").write_text("")
    env = environment(venv, {"a": Package("1")})
    place = locking.LockPlace(tmp_path / "file", tmp_path, {"XGIT_UV": "/bin/sh"})
    assert locking.ask(env, place) == "uv could not be asked: File exists"


def test_uv_is_looked_for_on_path_then_beside_the_interpreters(
    venv: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none" / "python"))
    env = environment(venv, {"a": Package("1")})
    assert env.python is not None
    env = env._replace(python=env.python._replace(prefix=str(tmp_path / "venv")))
    place = locking.LockPlace(tmp_path / "kept", tmp_path, {"PATH": str(tmp_path / "none")})
    assert locking.ask(env, place) == locking.NO_UV
    uv = Path(venv.python).parent / "uv"
    uv.write_text("")
    uv.chmod(0o755)
    assert locking.ask(env, place) is None
    assert len(asked) == 1


# ---------------------------------------------------------------- what uv says


def answered(venv: Venv, packages: Mapping[str, Package], root: Path) -> dict[str, Any]:
    request = {
        "uv": shutil.which("uv"),
        "python": venv.python,
        "root": str(root),
        "packages": {name: list(one) for name, one in packages.items()},
    }
    return uv_program.answered(request, os.environ)


@needs_uv
def test_nothing_is_built(index: PackageIndex, venv: Venv, tmp_path: Path) -> None:
    sign = tmp_path / "built"
    digest = index.add_sdist("source", "1.0", f"open({str(sign)!r}, 'w')\n")
    found = answered(venv, {"source": Package("1.0")}, tmp_path)
    (entry,) = tomllib.loads(found["text"])["packages"]
    assert entry["sdist"]["hashes"] == {"sha256": digest}
    assert not sign.exists()
    assert not [path for path in index.asked if path.startswith("/files/")]


@needs_uv
def test_commits_and_archives_need_no_index(
    index: PackageIndex, venv: Venv, tmp_path: Path
) -> None:
    packages = {
        "lib": Package("1", "git+https://host/lib.git@" + "a" * 40),
        "archive": Package("1", "https://host/archive.whl#sha256=" + "b" * 64),
        "own": Package("1", "editable:/src/own"),
    }
    found = answered(venv, packages, tmp_path)
    assert found["locked"] == ["archive", "lib"]
    assert "/src/own" not in found["text"]
    assert index.asked == []


@needs_uv
def test_the_projects_settings_of_uv_count(
    index: PackageIndex, venv: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add_wheel("one", "1.0")
    index.add_wheel("one", "2.0")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    settings = f'[[tool.uv.index]]\nurl = "{index.url}"\ndefault = true\n'
    settings += '[tool.uv]\noverride-dependencies = ["one==2.0"]\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    assert answered(venv, {"two": Package("1.0")}, tmp_path)["locked"] == []
    assert answered(venv, {"one": Package("2.0")}, tmp_path)["locked"] == ["one"]
    # An override that bends the pin: better a gap than another version.
    assert answered(venv, {"one": Package("1.0")}, tmp_path)["locked"] == []


@needs_uv
def test_a_refused_login_is_no_gap(index: PackageIndex, venv: Venv, tmp_path: Path) -> None:
    index.add_wheel("one", "1.0")
    index.login = "ada:right"  # which uv is not told
    with pytest.raises(uv_program.NotAsked, match="could not ask the index"):
        answered(venv, {"one": Package("1.0")}, tmp_path)


@needs_uv
def test_broken_settings_of_the_project_are_said(
    index: PackageIndex, venv: Venv, tmp_path: Path
) -> None:
    (tmp_path / "uv.toml").write_text("index = 3\n")
    with pytest.raises(uv_program.NotAsked, match=r"uv\.toml"):
        answered(venv, {"one": Package("1.0")}, tmp_path)


def test_no_answer_in_time_is_said(
    venv: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(uv_program, "LIMIT_SECONDS", 0.2)
    request = {"uv": str(slow), "python": venv.python, "root": str(tmp_path)}
    with pytest.raises(uv_program.NotAsked, match="no answer in"):
        uv_program.answered({**request, "packages": {"a": ["1", "index"]}}, os.environ)


def test_an_old_uv_is_told_how_to_mend_it(venv: Venv, tmp_path: Path) -> None:
    old = tmp_path / "uv"
    old.write_text("#!/bin/sh\necho \"error: unexpected argument '--format' found\" >&2; exit 2\n")
    old.chmod(0o755)
    request = {"uv": str(old), "python": venv.python, "root": str(tmp_path)}
    with pytest.raises(uv_program.NotAsked, match="uv self update"):
        uv_program.answered({**request, "packages": {"a": ["1", "index"]}}, os.environ)


@pytest.mark.parametrize("says", [lambda lacked: f"{lacked}==1 was not found", lambda lacked: "no"])
def test_what_is_lacking_is_found_whether_or_not_uv_names_it(
    says: Callable[[str], str],
) -> None:
    there = {f"p{number}": "1" for number in range(20)}
    lacking = {"q1": "1", "q2": "1"}

    def ask(pins: Mapping[str, str]) -> str:
        for name in lacking:
            if name in pins:
                raise uv_program.Lacking(says(name))
        lines = "".join(f'[[packages]]\nname = "{name}"\n' for name in pins)
        return f'lock-version = "1.0"\n{lines}'

    _, entries = uv_program._all_but_lacking({**there, **lacking}, ask)
    assert {one["name"] for one in entries} == set(there)


# ---------------------------------------------------------------- pip's settings


def test_indexes_that_only_pip_was_told_of(tmp_path: Path, hermetic_home: Path) -> None:
    file = hermetic_home / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(
        "[global]\nindex-url = https://host/simple\nextra-index-url =\n  https://b/s\n  /dir\n"
    )
    environ = {"HOME": str(hermetic_home)}
    found = pip_config.uv_variables(tmp_path, environ)
    assert found["UV_DEFAULT_INDEX"] == "https://host/simple"
    assert found["UV_INDEX"] == "https://b/s"
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    other = {**environ, "PIP_INDEX_URL": "https://other/simple"}
    assert pip_config.uv_variables(tmp_path, other)["UV_DEFAULT_INDEX"] == "https://other/simple"


@pytest.mark.parametrize(
    "path", ["uv.toml", "pyproject.toml", "home/.config/uv/uv.toml", "environment"]
)
def test_settings_of_uv_come_before_those_of_pip(tmp_path: Path, path: str) -> None:
    environ = {"HOME": str(tmp_path / "home"), "PIP_INDEX_URL": "https://host/simple"}
    assert pip_config.uv_variables(tmp_path, environ) != {}
    if path == "environment":
        environ["UV_DEFAULT_INDEX"] = "https://own/simple"
    else:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        table = "[tool.uv.pip]\n" if path == "pyproject.toml" else ""
        (tmp_path / path).write_text(f'{table}index-url = "https://own/simple"\n')
    assert pip_config.uv_variables(tmp_path, environ) == {}


def test_broken_settings_of_pip_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_bytes(b"index-url\xff\n")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert "UV_DEFAULT_INDEX" not in pip_config.uv_variables(tmp_path, environ)
