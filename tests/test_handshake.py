"""Guards judge the config that the program composed, before its task begins: real Hydra, real runs.

The guard is one of a package on PYTHONPATH, as a third party would bring it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import Project
from xgit.guards import registry
from xgit.record.model import GuardResult, RepoState, Violation
from xgit.run.handshake import Handshake, Judge, together

GUARD = """
import os, time
from xgit.record.model import Violation
ID, STAGES, NEEDS, REASON = "picky", ("run",), ("config",), "bad data is bad"
def check(state):
    if "CRASH" in os.environ and state.config:
        raise KeyError("what")
    time.sleep(float(os.environ.get("SLOW", "0")) if state.config else 0)
    found = []
    if state.config and str(state.config.values.get("data", "")).startswith("bad"):
        found.append(str(state.config.values["data"]))
    if state.config:
        found += [name for name, value in state.config.variables.items() if value is None]
    return tuple(Violation(ID, one, "git config data.bad no") for one in found)
"""
CONFIG = "data: good\nlr: 0.1\n"
TRAIN = """\
import sys, time
from pathlib import Path
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    Path(__file__).with_name("ignored").mkdir(exist_ok=True)
    Path(__file__).with_name("ignored").joinpath(f"began-{cfg.data}").write_text("")
    BODY

print("composing", flush=True)
if __name__ == "__main__":
    main()
    print("after", flush=True)
"""


class App:
    """A project with a Hydra app whose runs the guard `picky` judges."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.root = project.root
        project.write("xgit.toml", '[guards]\nrun = ["untracked", "modified", "picky"]\n')
        project.write("conf/config.yaml", CONFIG)
        project.write(".gitignore", "__pycache__/\nignored/\noutputs/\nmultirun/\n")
        self.body("return 0.5")
        (folder / "picky.py").write_text(GUARD, encoding="utf-8")
        info = folder / "picky-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: picky\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[xgit.guards]\npicky = picky\n")

    def body(self, code: str) -> None:
        self.project.write("train.py", TRAIN.replace("BODY", code.replace("\n", "\n    ")))
        self.project.commit("app")

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`xgit exp run ARGS`; of ARGS, what has a dash is an option unless `--` came before."""
        if "--" not in args:
            args = ("--", sys.executable, "train.py", *args)
        return self.project.xgit("exp", "run", *args, env=env)

    def began(self) -> list[str]:
        return sorted(path.name[6:] for path in (self.root / "ignored").glob("began-*"))

    def tags(self) -> list[str]:
        return self.project.git("tag", "--list", "experiment/*").splitlines()

    def record(self) -> dict[str, Any]:
        (tag,) = self.tags()
        document = json.loads(self.project.git("show", f"{tag}:.xgit/record.json"))
        assert isinstance(document, dict)
        return document

    def picky(self) -> dict[str, Any]:
        (found,) = [one for one in self.record()["guards"] if one["id"] == "picky"]
        assert isinstance(found, dict)
        return found

    def assert_nothing_left(self) -> None:
        assert self.tags() == []
        assert os.listdir(self.root / ".git/xgit/runs") == []
        assert self.project.git("status", "--porcelain") == ""


@pytest.fixture
def app(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return App(project, folder)


# ---------------------------------------------------------------- refused


def test_a_bad_config_is_refused_before_the_task_begins(app: App) -> None:
    done = app.run("data=bad.csv")
    assert done.returncode == 125
    assert done.stdout == "composing\n"
    assert done.stderr.splitlines() == [
        "error: this run could not be repeated (1 violation)",
        "  picky  bad.csv  git config data.bad no",
        "hint: --allow picky records it all the same, and the record says so",
    ]
    assert app.began() == []
    app.assert_nothing_left()


def test_a_refusal_as_json(app: App) -> None:
    done = app.run("--json", "--", sys.executable, "train.py", "data=bad")
    (picky,) = [one for one in json.loads(done.stdout)["refused"] if one["id"] == "picky"]
    assert picky["violations"] == [{"subject": "bad", "remedy": "git config data.bad no"}]
    assert done.returncode == 125


def test_the_name_is_free_again(app: App) -> None:
    assert app.run("--name", "one", "--", sys.executable, "train.py", "data=bad").returncode == 125
    assert app.run("--name", "one", "--", sys.executable, "train.py").returncode == 0
    assert app.tags() == ["experiment/one"]


def test_nothing_of_a_shell_script_goes_on(app: App) -> None:
    script = f"{sys.executable} train.py data=bad; touch ignored-too; echo went on"
    done = app.run("--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (125, "composing\n")
    assert not (app.root / "ignored-too").exists()
    app.assert_nothing_left()


def test_a_program_that_handles_sigterm_ends_all_the_same(app: App) -> None:
    text = (app.root / "train.py").read_text()
    handler = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
    app.project.write("train.py", handler + text)
    app.project.commit("handler")
    before = time.monotonic()
    done = app.run("data=bad")
    assert (done.returncode, done.stdout) == (125, "composing\n")
    assert time.monotonic() - before < 8
    app.assert_nothing_left()


def test_a_guard_that_crashes_refuses(app: App) -> None:
    done = app.run(CRASH="1")
    assert done.returncode == 125
    assert "guard picky crashed: KeyError: 'what'" in done.stderr
    assert app.began() == []


def test_the_variables_that_have_no_default_are_judged(app: App) -> None:
    app.project.write("conf/config.yaml", CONFIG + "a: ${oc.env:NOWHERE,x}\nb: ${oc.env:ABSENT}\n")
    app.project.commit("variables")
    done = app.run()
    assert done.returncode == 125
    assert "picky  ABSENT" in done.stderr
    assert "NOWHERE" not in done.stderr
    assert app.run(ABSENT="here").returncode == 0


# ---------------------------------------------------------------- allowed, and fine


def test_what_is_allowed_is_recorded(app: App) -> None:
    done = app.run("--allow", "picky", "--", sys.executable, "train.py", "data=bad")
    assert done.returncode == 0, done.stderr
    assert app.began() == ["bad"]
    assert app.picky()["outcome"] == "allowed"
    assert [one["subject"] for one in app.picky()["violations"]] == ["bad"]
    assert app.record()["reproducible"] == {"value": False, "reasons": ["picky was allowed: bad"]}


def test_a_fine_config_goes_on_and_leaves_nothing_in_the_spool(app: App) -> None:
    app.body(
        "import os\nnames = os.listdir(os.environ['XGIT_SPOOL'])\n"
        "print(sorted(name.split('-')[0] for name in names))\nreturn 0.5"
    )
    done = app.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "composing\n['events', 'python']\nafter\n"
    assert app.picky() == {"id": "picky", "outcome": "passed", "violations": []}
    assert app.record()["reproducible"]["value"] is True
    assert app.record()["metrics"] == {"return_value": 0.5}
    assert os.listdir(app.root / ".git/xgit/runs") == []


def test_without_a_guard_that_looks_there_is_no_fifo(app: App) -> None:
    app.project.write("xgit.toml", '[guards]\nrun = ["untracked"]\n')
    app.project.commit("guards")
    code = "import os; print([n for n in os.listdir(os.environ['XGIT_SPOOL']) if 'ask' in n])"
    assert app.run("--", sys.executable, "-c", code).stdout == "[]\n"
    app.project.write("xgit.toml", '[guards]\nrun = ["picky"]\n')
    app.project.commit("guards")
    assert app.run("--", sys.executable, "-c", code).stdout == "['ask']\n"


@pytest.mark.parametrize("code", [0, 3, 125])
def test_exit_codes_and_output_are_the_programs_own(app: App, code: int) -> None:
    app.body(f"print('err', file=sys.stderr)\nsys.exit({code})")
    bare = subprocess.run(
        [sys.executable, "train.py"], cwd=app.root, capture_output=True, text=True, check=False
    )
    done = app.run("--quiet", "--", sys.executable, "train.py")
    assert (done.returncode, done.stdout, done.stderr) == (code, bare.stdout, bare.stderr)
    assert len(app.tags()) == 1


def test_an_app_with_callbacks_of_its_own(app: App) -> None:
    app.project.write(
        "own.py",
        "from hydra.experimental.callback import Callback\n"
        "class Own(Callback):\n"
        "    def on_job_start(self, config, **kwargs): print('own')\n",
    )
    own = "hydra:\n  callbacks:\n    own:\n      _target_: own.Own\n"
    app.project.write("conf/config.yaml", CONFIG + own)
    app.project.commit("own")
    path = f"{os.environ['PYTHONPATH']}{os.pathsep}{app.root}"
    assert app.run("data=bad", PYTHONPATH=path).returncode == 125
    assert app.began() == []
    assert app.run(PYTHONPATH=path).stdout == "composing\nown\nafter\n"


def test_hydra_zen(app: App) -> None:
    app.project.write(
        "zen.py",
        "from hydra_zen import store, zen\n"
        "def task(data: str): print('task', data)\n"
        "store(task, name='task', data='good', populate_full_signature=True)\n"
        "if __name__ == '__main__':\n"
        "    store.add_to_hydra_store()\n"
        "    zen(task).hydra_main(config_name='task', version_base='1.3', config_path=None)\n",
    )
    app.project.commit("zen")
    refused = app.run("--", sys.executable, "zen.py", "data=bad")
    assert (refused.returncode, refused.stdout) == (125, "")
    done = app.run("--", sys.executable, "zen.py")
    assert (done.returncode, done.stdout) == (0, "task good\n")


def test_a_program_without_hydra_is_judged_before_the_start_alone(app: App) -> None:
    app.project.write("params.yaml", "data: bad\n")
    app.project.commit("params")
    done = app.run("--", sys.executable, "-c", "print('began')")
    assert (done.returncode, done.stdout) == (125, "")
    app.project.write("params.yaml", "data: good\n")
    app.project.commit("params")
    assert app.run("--", sys.executable, "-c", "print('began')").returncode == 0
    assert app.picky()["outcome"] == "passed"


# ---------------------------------------------------------------- sweeps


def test_a_sweep_whose_first_job_is_bad_is_refused(app: App) -> None:
    done = app.run("-m", "data=bad,good")
    assert done.returncode == 125
    assert app.began() == []
    app.assert_nothing_left()


def test_a_bad_job_later_in_a_sweep_does_not_throw_away_the_others(app: App) -> None:
    done = app.run("-m", "data=good,bad1,fine,bad2")
    assert done.returncode == 0, done.stderr
    assert app.began() == ["bad1", "bad2", "fine", "good"]
    assert app.picky()["outcome"] == "failed"
    assert [one["subject"] for one in app.picky()["violations"]] == ["bad1", "bad2"]
    assert app.record()["reproducible"]["reasons"] == ["picky found afterwards: bad1 and 1 more"]
    assert "reproducible: no, picky found afterwards" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("data", ["bad1,bad2", "good,fine"])
def test_a_sweep_in_worker_processes(app: App, data: str) -> None:
    done = app.run(
        "-m", f"data={data}", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"
    )  # fmt: skip
    if "bad" in data:
        assert done.returncode == 125
        assert app.began() == []
        assert "Traceback" not in done.stderr
        app.assert_nothing_left()
    else:
        assert done.returncode == 0, done.stderr
        assert app.began() == ["fine", "good"]
        assert app.picky()["outcome"] == "passed"


# ---------------------------------------------------------------- nobody answers


def test_a_config_that_nobody_was_asked_about_is_judged_afterwards(app: App) -> None:
    text = (app.root / "train.py").read_text()
    gone = "import os\nos.unlink(os.environ['XGIT_SPOOL'] + '/ask')\n"
    app.project.write("train.py", gone + text)
    app.project.commit("gone")
    done = app.run("data=bad")
    assert done.returncode == 0, done.stderr
    assert app.began() == ["bad"]
    assert app.picky()["outcome"] == "failed"
    assert app.record()["reproducible"]["reasons"] == ["picky found afterwards: bad"]


def start(app: App, *overrides: str, **env: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "xgit", "exp", "run", "--", sys.executable, "train.py"]
    return subprocess.Popen(
        [*command, *overrides],
        cwd=app.root,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def waiting(app: App) -> list[Path]:
    return list((app.root / ".git/xgit/runs").glob("*/spool/answer-*"))


def test_a_parent_that_dies_while_the_job_waits(app: App) -> None:
    process = start(app, SLOW="30")
    wait_for(lambda: waiting(app))
    time.sleep(0.1)
    process.kill()
    before = time.monotonic()
    process.communicate(timeout=20)
    wait_for(app.began, seconds=5)
    assert time.monotonic() - before < 5
    wait_for(lambda: not waiting(app))
    time.sleep(0.5)
    assert app.project.xgit("exp", "recover").returncode == 0
    assert app.record()["status"] == "interrupted"


def test_ctrl_c_while_the_job_waits(app: App) -> None:
    process = start(app, SLOW="2")
    wait_for(lambda: waiting(app))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (1, 130)
    assert app.began() == []
    assert app.record()["status"] == "interrupted"


def test_a_guard_that_takes_too_long_does_not_hold_the_job(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (app.root / "train.py").read_text()
    app.project.write("train.py", "import xgit_ask\nxgit_ask.LONGEST_SECONDS = 0.3\n" + text)
    app.project.commit("hurry")
    done = app.run("data=bad", SLOW="1.5")
    assert done.returncode == 0, done.stderr
    assert app.began() == ["bad"]
    assert app.picky()["outcome"] == "failed"


def test_rubbish_in_the_fifo_is_no_question(app: App) -> None:
    text = (app.root / "train.py").read_text()
    rubbish = (
        "import os\n"
        "with open(os.environ['XGIT_SPOOL'] + '/ask', 'wb') as f:\n"
        "    f.write(b'\\xff\\n../../x 1.0\\nanswer-1-00000000 1.0\\nanswer-1-0000000f 1e999\\n')\n"
    )
    app.project.write("train.py", rubbish + text)
    app.project.commit("rubbish")
    assert app.run("data=bad").returncode == 125
    assert app.began() == []
    assert app.run().returncode == 0


# ---------------------------------------------------------------- without a process


def judge(outcome: str = "passed") -> Judge:
    state = RepoState("/x", "0" * 40, "main", pushed=True)
    early = (GuardResult("one", "passed"), GuardResult("two", "passed"))
    return Judge(state, (), frozenset(), snapshot=False, early=early)


def test_where_the_facts_cannot_be_read_again_their_guard_refuses() -> None:
    def read_again(state: RepoState) -> RepoState:
        raise OSError("gone")

    guards = (registry.guard("unpinned"), registry.guard("variables"))
    early = tuple(GuardResult(one.id, "passed") for one in guards)
    asked = judge()._replace(guards=guards, early=early, read_again=read_again)
    unpinned, variables = asked.results(SimpleNamespace(composed=None, cwd=None))  # type: ignore[arg-type]
    assert unpinned.violations[0].subject == "guard unpinned crashed: OSError: gone"
    assert variables.outcome == "passed"


def test_of_several_judgements_the_gravest_counts() -> None:
    a, b = Violation("g", "a", "x"), Violation("g", "b", "x")
    merged = together(
        [
            (GuardResult("g", "passed"), GuardResult("h", "passed")),
            (GuardResult("g", "failed", (a,)), GuardResult("h", "allowed", (b,))),
            (GuardResult("g", "failed", (b, a)), GuardResult("h", "passed")),
        ]
    )
    assert merged == (GuardResult("g", "failed", (a, b)), GuardResult("h", "allowed", (b,)))


def test_without_jobs_what_was_said_before_the_start_counts(tmp_path: Path) -> None:
    talk = Handshake(tmp_path, judge(), lambda results: None)
    with talk:
        assert talk.handle is None
        assert list(tmp_path.iterdir()) == []
    assert talk.results(()) == judge().early


def asked(spool: Path, talk: Handshake, line: bytes) -> bool:
    (spool / "ask").write_bytes(line)
    return talk.answer()


def watched(check: Callable[[RepoState], tuple[Violation, ...]]) -> Judge:
    guard = registry.Guard("one", ("run",), ("config",), "no reason", check, {})
    return judge()._replace(guards=(guard,))


def test_an_answer_goes_to_nothing_but_a_fifo_that_is_waited_at(tmp_path: Path) -> None:
    (tmp_path / "answer-1-0000000a").write_text("kept")
    (tmp_path / "answer-1-0000000b").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "answer-1-0000000c")
    with Handshake(tmp_path, watched(lambda state: ()), lambda results: None) as talk:
        for letter in b"abcd":
            assert asked(tmp_path, talk, b"answer-1-0000000%c 1.0\n" % letter)
        assert talk.handle is not None
    assert (tmp_path / "answer-1-0000000a").read_text() == "kept"
    assert not (tmp_path / "ask").exists()


def test_a_spool_that_cannot_be_read_ends_in_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(directory: Path) -> None:
        raise OSError("gone")

    monkeypatch.setattr("xgit.capture.spool.reading.read_spool", broken)
    with Handshake(tmp_path, watched(lambda state: ()), lambda results: None) as talk:
        assert asked(tmp_path, talk, b"answer-1-0000000a 1.0\n")
        assert talk.handle is None
    assert talk.notes == ("the config could not be judged before the task began: OSError: gone",)
