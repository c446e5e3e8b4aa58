"""Environments that are made again by a real uv, from an index on loopback."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import xgit
from tests.conftest import Project
from tests.samples import experiment
from tests.wheel_index import BACKEND, PROJECT, Index, filled, serve
from xgit.capture.environment.packages import installed_packages
from xgit.capture.environment.pylock import render
from xgit.record.model import (
    Environment,
    EnvironmentLock,
    Experiment,
    Json,
    Package,
    Python,
    Unlocked,
)
from xgit.reproduce.environment import Rebuilt, rebuild
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.installing import CannotRebuild
from xgit.reproduce.interpreter import site_packages
from xgit.reproduce.program import child_variables

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
VERSION = platform.python_version()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as found:
        yield found


class Bench:
    """A checkout, a place beside it, and an environment of uv that asks the index alone."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.place = folder / "place"
        self.checkout = folder / "checkout"
        self.place.mkdir()
        self.checkout.mkdir()
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
            "UV_DEFAULT_INDEX": index.url,
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_HTTP_RETRIES": "0",
        }

    def write(self, path: str, text: str) -> None:
        target = self.checkout / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def rebuild(
        self, recorded: Experiment, *locked: dict[str, Json], builds: bool = False
    ) -> Rebuilt:
        lock = render(None, locked).encode() if locked else None
        return rebuild(
            self.place, recorded, self.checkout, lock, builds=builds, environ=self.environ
        )


@pytest.fixture
def bench(tmp_path: Path, index: Index) -> Bench:
    return Bench(tmp_path, index)


def ran_with(version: str = VERSION, lock: Any = None, **packages: str | Package) -> Experiment:
    """An experiment with these packages; a text is a version from an index."""
    found = {name: Package(one) if isinstance(one, str) else one for name, one in packages.items()}
    python = Python(version, "cpython", "", "/home/ada/p/.venv/bin/python", "/home/ada/p/.venv")
    return experiment("one", "a" * 40, environment=Environment(python, packages=found, lock=lock))


def installed(rebuilt: Rebuilt) -> dict[str, str]:
    packages, notes = installed_packages((str(site_packages(rebuilt.prefix)),))
    assert notes == ()
    return {name: package.version for name, package in packages.items()}


def says(rebuilt: Rebuilt, code: str) -> str:
    done = subprocess.run(
        [str(rebuilt.python), "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# ---------------------------------------------------------------- by hash


def test_the_recorded_packages_are_installed_and_no_other(bench: Bench, index: Index) -> None:
    alpha, extra = index.add_wheel("alpha", "1.0"), index.add_wheel("extra", "1.0")
    index.add_wheel("alpha", "2.0")
    rebuilt = bench.rebuild(ran_with(alpha="1.0"), alpha, extra)
    assert installed(rebuilt) == {"alpha": "1.0"}
    assert rebuilt._replace(prefix=Path(), python=None, bin=Path()) == Rebuilt(
        Path(), None, Path(), "pylock"
    )
    assert says(rebuilt, "import sys, alpha; print(sys.version.split()[0])") == VERSION
    assert rebuilt.bin == rebuilt.prefix / "bin" == bench.place / "environment" / "bin"


def test_a_file_with_another_hash_is_refused(bench: Bench, index: Index) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    alpha["wheels"][0]["hashes"]["sha256"] = "0" * 64
    with pytest.raises(CannotRebuild, match=r"alpha 1\.0 is not the recorded file") as caught:
        bench.rebuild(ran_with(alpha="1.0"), alpha)
    assert caught.value.step == "environment"
    assert caught.value.hint == "uv cache clean alpha"


@pytest.mark.parametrize(
    "variable", ["UV_CONSTRAINT", "UV_NO_BINARY", "UV_OVERRIDE", "UV_EXCLUDE_NEWER"]
)
def test_the_variables_of_the_user_do_not_bend_it(
    bench: Bench, index: Index, variable: str
) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    bench.environ |= {variable: "1", "VIRTUAL_ENV": "/nowhere", "PYTHONPATH": "/nowhere"}
    assert installed(bench.rebuild(ran_with(alpha="1.0"), alpha)) == {"alpha": "1.0"}
    alpha["wheels"][0]["hashes"]["sha256"] = "0" * 64
    with pytest.raises(CannotRebuild):
        bench.rebuild(ran_with(alpha="1.0"), alpha)


@pytest.mark.parametrize("port", ["there", "gone"])
def test_a_mirror_that_is_gone_is_replaced_by_the_users_index(
    bench: Bench, index: Index, port: str
) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    elsewhere = f"{index.url}mirror/" if port == "there" else "http://127.0.0.1:9/"
    alpha["wheels"][0]["url"] = f"{elsewhere}alpha-1.0-py3-none-any.whl"
    assert bench.rebuild(ran_with(alpha="1.0"), alpha).how == "pylock"
    index.add_wheel("alpha", "1.0", body="x = 2\n")  # another file under the same name
    shutil.rmtree(bench.environ["UV_CACHE_DIR"])
    with pytest.raises(CannotRebuild, match="hash"):
        bench.rebuild(ran_with(alpha="1.0"), alpha)


def test_an_index_that_does_not_answer_says_nothing_of_the_experiment(
    bench: Bench, index: Index
) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    alpha["wheels"][0]["url"] = "http://127.0.0.1:9/alpha-1.0-py3-none-any.whl"
    bench.environ["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/"
    with pytest.raises(CannotRebuild, match="could not be fetched") as caught:
        bench.rebuild(ran_with(alpha="1.0"), alpha)
    assert not caught.value.tells


def test_a_cache_that_was_written_to_is_noticed(bench: Bench, index: Index) -> None:
    alpha = index.add_wheel("alpha", "1.0", body="x = 1\n")
    first = bench.rebuild(ran_with(alpha="1.0"), alpha)
    for path in Path(bench.environ["UV_CACHE_DIR"]).rglob("alpha/__init__.py"):
        path.write_text("x = 2\n", encoding="utf-8")
    assert says(first, "import alpha; print(alpha.x)") in "12"
    with pytest.raises(CannotRebuild, match=r"alpha/__init__\.py is not what") as caught:
        bench.rebuild(ran_with(alpha="1.0"), alpha)
    assert caught.value.hint == "uv cache clean alpha"
    subprocess.run(["uv", "cache", "clean", "-q", "alpha"], env=bench.environ, check=True)
    assert says(bench.rebuild(ran_with(alpha="1.0"), alpha), "import alpha; print(alpha.x)") == "1"


# ---------------------------------------------------------------- what has to be built


def test_a_source_distribution_is_built_only_when_that_is_allowed(
    bench: Bench, index: Index
) -> None:
    alpha, sdisty = index.add_wheel("alpha", "1.0"), index.add_sdist("sdisty", "1.0")
    recorded = ran_with(alpha="1.0", sdisty="1.0")
    with pytest.raises(CannotRebuild, match=r"sdisty==1\.0 would have to be built") as caught:
        bench.rebuild(recorded, alpha, sdisty)
    assert caught.value.hint == "xgit exp reproduce one, without --no-build"
    assert caught.value.missing == ("sdisty 1.0: it has to be built from source",)
    rebuilt = bench.rebuild(recorded, alpha, sdisty, builds=True)
    assert installed(rebuilt) == {"alpha": "1.0", "sdisty": "1.0"}
    assert says(rebuilt, "import sdisty; print(sdisty.built)") == "True"


def test_a_package_of_a_commit_is_built_only_when_that_is_allowed(
    bench: Bench, index: Index, project: Project
) -> None:
    project.write("pyproject.toml", filled(PROJECT, "fork", "0.1"))
    project.write("backend.py", filled(BACKEND, "fork", "0.1"))
    commit = project.commit()
    served = index.folder / "fork.git"
    shutil.copytree(project.origin, served)
    subprocess.run(["git", "-C", served, "update-server-info"], check=True)
    recorded = ran_with(fork=Package("0.1", f"git+{index.url}fork.git@{commit}"))
    with pytest.raises(CannotRebuild, match=r"fork==0\.1 would have to be built"):
        bench.rebuild(recorded)
    rebuilt = bench.rebuild(recorded, builds=True)
    assert says(rebuilt, "import fork; print(fork.built)") == "True"


def test_a_lock_of_another_platform_is_told(bench: Bench, index: Index) -> None:
    winny = index.add_wheel("winny", "1.0", tag="cp311-cp311-win_amd64")
    recorded = ran_with(winny="1.0")
    env = recorded.environment._replace(platform="Darwin 24.1.0 arm64")
    with pytest.raises(CannotRebuild, match=r"no wheel of winny==1\.0.*recorded on: Darwin 24"):
        bench.rebuild(recorded._replace(environment=env), winny)


# ---------------------------------------------------------------- without a hash


def test_without_a_lock_packages_come_by_name_and_what_nobody_has_is_named(
    bench: Bench, index: Index
) -> None:
    index.add_wheel("alpha", "1.0")
    index.add_wheel("alpha", "2.0")
    rebuilt = bench.rebuild(
        ran_with(
            alpha="1.0",
            gone="3.1",
            alphabet="9",
            torch="2.3.1+cu121",
            blas=Package("1.0", "conda"),
            mine=Package("0.1", "editable:/home/ada/mine"),
            wheel=Package("0.1", "file:/home/ada/wheel-0.1-py3-none-any.whl"),
            fork=Package("0.1", "git+file:///home/ada/fork@" + "a" * 40),
        )
    )
    assert (rebuilt.how, installed(rebuilt)) == ("names", {"alpha": "1.0"})
    nowhere = "no index that uv was told of has it for this Python"
    assert sorted(rebuilt.missing_packages) == [
        f"alphabet 9: {nowhere}",
        "blas 1.0: conda installed it, and that is no index of Python packages",
        "fork 0.1: it is a repository on another machine",
        f"gone 3.1: {nowhere}",
        "mine 0.1: it is a directory outside of the repository",
        f"torch 2.3.1+cu121: {nowhere}",
        "wheel 0.1: it is a path outside of the repository",
    ]


def test_the_lock_of_the_project_knows_hashes(bench: Bench, index: Index) -> None:
    index.add_wheel("alpha", "1.0")
    index.add_wheel("beta", "1.0")
    project = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.9"\n'
    bench.write("pyproject.toml", f'{project}dependencies = ["alpha"]\n')
    subprocess.run(["uv", "lock", "-q"], cwd=bench.checkout, env=bench.environ, check=True)
    recorded = ran_with(alpha="1.0", beta="1.0")
    rebuilt = bench.rebuild(recorded)
    assert rebuilt.how == "lock"
    assert installed(rebuilt) == {"alpha": "1.0", "beta": "1.0"}
    assert any("no hash was known of beta==1.0" in note for note in rebuilt.notes)
    index.add_wheel("alpha", "1.0", body="x = 3\n")
    shutil.rmtree(bench.environ["UV_CACHE_DIR"])
    with pytest.raises(CannotRebuild, match="hash"):
        bench.rebuild(recorded)


def test_requirements_with_hashes_count_too(bench: Bench, index: Index) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    good = alpha["wheels"][0]["hashes"]["sha256"]
    bench.write("requirements.txt", f"alpha==1.0 \\\n    --hash=sha256:{good}\n")
    assert bench.rebuild(ran_with(alpha="1.0")).how == "lock"
    bench.write("requirements.txt", f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(CannotRebuild, match="hash"):
        bench.rebuild(ran_with(alpha="1.0"))


def test_a_hostile_record_gives_uv_no_options(bench: Bench, index: Index) -> None:
    index.add_wheel("alpha", "1.0")
    evil = {"alpha": "1.0\n--index-url http://127.0.0.1:9/", "-r /etc/passwd": "1"}
    rebuilt = bench.rebuild(ran_with(**evil))
    assert installed(rebuilt) == {}
    assert len(rebuilt.missing_packages) == 2


def test_of_a_projects_settings_only_its_indexes_count(
    bench: Bench, index: Index, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    with serve(tmp_path / "other") as other:
        other.add_wheel("alpha", "1.0")
        index.add_wheel("beta", "1.0")
        bench.write(
            "pyproject.toml",
            f'[[tool.uv.index]]\nname = "other"\nurl = "{other.url}"\n'
            f'[tool.uv.pip]\ntarget = "{elsewhere}"\nno-build = false\n',
        )
        rebuilt = bench.rebuild(ran_with(alpha="1.0", beta="1.0"))
        assert installed(rebuilt) == {"alpha": "1.0", "beta": "1.0"}
    assert not elsewhere.exists()


@pytest.mark.parametrize("setting", ["", "no-cache = true\n"])
def test_what_is_installed_is_not_run(
    bench: Bench, index: Index, tmp_path: Path, hermetic_home: Path, setting: str
) -> None:
    config = hermetic_home / ".config" / "uv"
    config.mkdir(parents=True)
    (config / "uv.toml").write_text(setting, encoding="ascii")
    ran = tmp_path / "ran"
    more = {"evil.pth": f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n"}
    evil = index.add_wheel("evil", "1.0", more=more)
    index.add_wheel("late", "1.0", more={"late.pth": more["evil.pth"]})
    bench.write("pyproject.toml", filled(PROJECT, "mine", "0.1"))
    mine = Package("0.1", "editable:/home/ada/mine")
    rebuilt = bench.rebuild(ran_with(evil="1.0", late="1.0", gone="1", mine=mine), evil)
    assert not ran.exists()
    says(rebuilt, "")
    assert ran.exists()


# ---------------------------------------------------------------- Python and uv


def test_another_python_of_the_same_minor_version_is_told(bench: Bench) -> None:
    minor = VERSION.rpartition(".")[0]
    rebuilt = bench.rebuild(ran_with(f"{minor}.99"))
    assert f"Python {minor}.99 is not here: {minor}." in rebuilt.notes[0]


def test_a_python_that_is_not_here_is_told_with_the_command_that_fetches_it(bench: Bench) -> None:
    with pytest.raises(CannotReproduce, match=r"Python 3\.77\.1 \(cpython\) is not here") as caught:
        bench.rebuild(ran_with("3.77.1"))
    assert caught.value.hint == "uv python install 3.77.1"
    assert not caught.value.tells


def test_without_uv_it_is_told_how_to_get_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    bench.environ["PATH"] = "/nowhere"
    with pytest.raises(CannotReproduce, match="uv, which rebuilds") as caught:
        bench.rebuild(ran_with())
    assert (caught.value.hint, caught.value.tells) == ("pip install uv", False)
    bench.environ["XGIT_UV"] = "/nowhere/uv"
    with pytest.raises(CannotReproduce, match="/nowhere/uv, which rebuilds") as caught:
        bench.rebuild(ran_with())
    assert caught.value.hint == "unset XGIT_UV"


def test_uv_that_does_not_end_is_ended(bench: Bench, tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n", encoding="ascii")
    uv.chmod(0o755)
    environ = bench.environ | {"XGIT_UV": str(uv)}
    with pytest.raises(CannotReproduce, match="did not end"):
        rebuild(
            bench.place, ran_with(), bench.checkout, None,
            builds=False, environ=environ, limit_seconds=0.5,
        )  # fmt: skip
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_record_without_a_python_needs_no_uv(bench: Bench) -> None:
    bench.environ["XGIT_UV"] = "/nowhere/uv"
    rebuilt = bench.rebuild(experiment("one", "a" * 40))
    assert rebuilt.python is None
    assert "no Python program" in rebuilt.notes[0]


# ---------------------------------------------------------------- the project and xgit


def test_the_project_itself_is_led_to_without_building_it(bench: Bench) -> None:
    scripts = '[project.scripts]\ntrain = "mine.cli:main"\npython = "mine.cli:main"\n'
    bench.write("pyproject.toml", filled(PROJECT, "mine", "0.1") + scripts)
    bench.write("backend.py", "raise SystemExit('it was built')\n")
    bench.write("src/mine/__init__.py", "")
    bench.write("src/mine/cli.py", "def main():\n    print('trained')\n")
    rebuilt = bench.rebuild(ran_with(mine=Package("0.1", "editable:/home/ada/somewhere")))
    assert installed(rebuilt) == {"mine": "0.1"}
    assert rebuilt.missing_packages == ()
    assert "mine was not built" in rebuilt.notes[0]
    done = subprocess.run([rebuilt.bin / "train"], capture_output=True, text=True, check=True)
    assert done.stdout == "trained\n"
    assert says(rebuilt, "import sys; print(sys.prefix)") == str(rebuilt.prefix)


def test_the_project_is_built_where_builds_are_allowed(bench: Bench) -> None:
    bench.write("libs/mine/pyproject.toml", filled(PROJECT, "mine", "0.1"))
    bench.write("libs/mine/backend.py", filled(BACKEND, "mine", "0.1"))
    recorded = ran_with(mine=Package("0.1", "file:/home/ada/p/libs/mine"))
    rebuilt = bench.rebuild(recorded, builds=True)
    assert says(rebuilt, "import mine; print(mine.built)") == "True"


@pytest.mark.parametrize("below", ["../outside", "/etc", "link"])
def test_a_directory_outside_of_the_checkout_is_never_taken(bench: Bench, below: str) -> None:
    outside = bench.checkout.parent / "outside"
    outside.mkdir()
    (outside / "pyproject.toml").write_text(filled(PROJECT, "mine", "1"), encoding="utf-8")
    (bench.checkout / "link").symlink_to(outside)
    lock = EnvironmentLock("f", missing=(Unlocked("mine", "1", "why", below),))
    rebuilt = bench.rebuild(ran_with(lock=lock, mine=Package("1", "editable:/x/mine")))
    assert installed(rebuilt) == {}
    assert rebuilt.missing_packages == ("mine 1: it is a directory outside of the repository",)


def test_xgit_that_no_index_has_is_the_one_that_runs(bench: Bench) -> None:
    rebuilt = bench.rebuild(ran_with(xgit="0.0.9"))
    assert installed(rebuilt) == {"xgit": xgit.__version__}
    assert rebuilt.notes == (f"xgit {xgit.__version__} takes the place of 0.0.9",)
    code = "import xgit; xgit.log({'a': 1}); print(xgit.__file__)"
    assert says(rebuilt, code).startswith(str(rebuilt.prefix))
    assert bench.rebuild(ran_with()).notes == ()


def test_uv_run_uses_the_rebuilt_environment(bench: Bench, index: Index) -> None:
    alpha = index.add_wheel("alpha", "1.0")
    project = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.9"\n'
    bench.write("pyproject.toml", project)
    rebuilt = bench.rebuild(ran_with(alpha="1.0"), alpha)
    environ = child_variables(rebuilt, ran_with(), bench.checkout, bench.environ)
    argv = ["uv", "run", "python", "-c", "import alpha, sys; print(sys.prefix)"]
    done = subprocess.run(
        argv, cwd=bench.checkout, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(rebuilt.prefix), done.stderr


def test_ctrl_c_ends_uv(tmp_path: Path, bench: Bench) -> None:
    import signal
    import time

    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 600\n", encoding="ascii")
    uv.chmod(0o755)
    code = (
        "from pathlib import Path; from xgit.reproduce.uv import find_uv; import os, sys;"
        "find_uv(Path('/'), os.environ, seconds=60).call('venv', cwd=Path('/'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=bench.environ | {"XGIT_UV": str(uv)},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
