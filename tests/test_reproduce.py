"""An experiment is run again from what git holds, and the verdict says what came of it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.dvc_project import dvc
from tests.untouched import everything
from xgit.git.plumbing import open_repo
from xgit.record.verdict import VerdictSummary
from xgit.reproduce.place import base_directory
from xgit.store import experiments, verdicts

PROGRAM = """
import json, random, sys
value = {value}
print("training")
json.dump({{"accuracy": value, "steps": 3}}, open("metrics.json", "w"))
"""


class Lab:
    """A project with an experiment `one` that is pushed."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def record(self, value: str = "0.5", *, program: str = PROGRAM, name: str = "one") -> None:
        self.project.write(".gitignore", "metrics.json\n__pycache__/\n/data.csv\n")
        self.project.write("train.py", program.format(value=value))
        self.project.commit()
        run = ("exp", "run", "--name", name, "--", sys.executable, "train.py")
        done = self.project.xgit(*run)
        assert done.returncode in (0, 7), done.stderr
        self.push(name)

    def pin_data(self) -> Path:
        """`data.csv` with a 1 in it, in DVC and on its remote."""
        for line in ("init -q", "remote add -q -d store ../store"):
            dvc(self.project.root, *line.split())
        data = self.project.write("data.csv", "1")
        dvc(self.project.root, "add", "-q", "data.csv")
        dvc(self.project.root, "push", "-q")
        return data

    def push(self, name: str = "one") -> None:
        self.project.git("push", "--quiet", "origin", f"refs/tags/experiment/{name}")

    def reproduce(
        self, *options: str, name: str = "one", env: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], str]:
        """Exit code, the verdict, and what was told."""
        command = ("exp", "reproduce", name, "--here", "--trust", "--json", *options)
        done = self.project.xgit(*command, env=env)
        return done.returncode, json.loads(done.stdout), done.stderr

    def verdicts(self, name: str = "one") -> list[VerdictSummary]:
        found = verdicts.list_verdicts(open_repo(self.project.root), [name]).get(name, ())
        summaries = [row for row in found if isinstance(row, VerdictSummary)]
        assert len(summaries) == len(found)
        return summaries


def agreements(verdict: dict[str, Any]) -> dict[str, str]:
    return {name: one["agreement"] for name, one in verdict["metrics"].items()}


@pytest.fixture
def lab(project: Project) -> Lab:
    return Lab(project)


# ---------------------------------------------------------------- verdicts


def test_it_comes_out_again(lab: Lab) -> None:
    lab.record()
    before = everything(lab.project)
    code, verdict, told = lab.reproduce()
    assert (code, verdict["result"]) == (0, "identical"), told
    assert agreements(verdict) == {"accuracy": "identical", "steps": "identical"}
    assert verdict["ref"] == "refs/tags/reproduction/one/1"
    assert verdict["manner"]["code"] == "remote"
    after = everything(lab.project)
    for part in ("files", "own"):
        assert after[part] == before[part]
    assert list(base_directory().iterdir()) == []
    assert "training" in told  # the program's output, since stdout is the document's
    [summary] = lab.verdicts()
    assert (summary.result, summary.number, summary.environment) == ("identical", 1, "here")
    lab.project.git("fsck", "--strict")
    kept = lab.project.git("ls-tree", "--name-only", "reproduction/one/1:.xgit").split()
    assert {"record.json", "verdict.json", "README.md", "metrics.json", "log.txt"} <= set(kept)
    parent = lab.project.git("rev-parse", "reproduction/one/1^{commit}^")
    assert parent == lab.project.git("rev-parse", "HEAD")


def test_what_it_tells_a_person(lab: Lab) -> None:
    lab.record()
    done = lab.project.xgit("exp", "reproduce", "one", "--here", "--trust")
    lines = [re.sub(r"\d+\.\d s$", "? s", line.rstrip()) for line in done.stderr.splitlines()]
    origin, commit = lab.project.origin, lab.project.git("rev-parse", "HEAD")[:12]
    assert lines == [
        "reproduce experiment/one",
        f"  command     {sys.executable} train.py",
        "  author      Ada Lovelace <ada@example.com>",
        "  signature   none: anybody who may push could have made it",
        f"  code        {commit} from {origin}",
        "  packages    those that are installed here: it proves less",
        "  reach       all that you can do on this machine "
        "(--hermetic gives it no network and no home)",
        "· the code",
        "· the run",
        "✓ reproduction/one/1   identical   ? s",
        "  accuracy   0.5   0.5      identical",
        "  steps      3     3        identical",
        "  note: the packages are those that were installed here: this proves less",
        "  xgit exp push one",
    ]
    assert done.stdout == "training\n"


def test_a_seed_that_is_not_pinned(lab: Lab) -> None:
    lab.record("random.random()")
    code, verdict, told = lab.reproduce()
    assert (code, verdict["result"]) == (1, "different")
    assert agreements(verdict) == {"accuracy": "different", "steps": "identical"}
    [suspect] = verdict["suspects"]
    assert suspect["kind"] == "randomness"
    assert "suspects:\n    randomness" in told


def test_repetitions_tell_noise_from_change(lab: Lab) -> None:
    lab.record("0.5 + random.random() / 1000")
    code, verdict, _ = lab.reproduce("--repeat", "4")
    assert (code, verdict["result"], verdict["runs"]) == (0, "within-tolerance", 4)
    accuracy = verdict["metrics"]["accuracy"]
    assert accuracy["tolerance"]["source"] == "--repeat"
    assert len(set(accuracy["reproduced"])) == 4


def test_repetitions_that_agree_are_no_excuse(lab: Lab) -> None:
    """Every repetition starts from nothing: what one left must not feed the next."""
    program = PROGRAM.replace("{value}", "9 if os.path.exists('left') else 1")
    program = program.replace("import json", "import os, json") + "open('left', 'w')\n"
    lab.record(program=program)
    (lab.project.root / "left").unlink()
    code, verdict, _ = lab.reproduce("--repeat", "2")
    assert (code, verdict["metrics"]["accuracy"]["reproduced"]) == (0, [1, 1])


@pytest.mark.parametrize(
    ("options", "result"), [(("--rtol", "0.01"), "within-tolerance"), ((), "different")]
)
def test_a_tolerance(lab: Lab, options: tuple[str, ...], result: str) -> None:
    lab.record("0.5 + random.random() / 10000")
    code, verdict, _ = lab.reproduce(*options)
    assert (code, verdict["result"]) == (0 if options else 1, result)


def test_the_tolerance_of_the_recorded_commit(lab: Lab) -> None:
    lab.project.write("xgit.toml", "[tolerances]\naccuracy = {atol = 0.01}\n")
    lab.record("0.5 + random.random() / 10000")
    lab.project.write("xgit.toml", "[tolerances]\naccuracy = {atol = 0}\n")
    lab.project.commit()
    assert lab.reproduce()[1]["result"] == "within-tolerance"


def test_metrics_of_the_commit_itself_do_not_count(lab: Lab) -> None:
    """It cannot pass on what was there before: this one measures nothing the second time."""
    lab.project.write("metrics.json", '{"accuracy": 0.5}')
    lab.record(
        program='import os; os.environ.get("QUIET") or print(open("metrics.json", "w").write('
        "'{{\"accuracy\": 0.5}}'))"
    )
    lab.project.git("add", "--force", "metrics.json")
    lab.project.commit()
    lab.project.xgit("exp", "run", "--name", "two", "--", sys.executable, "train.py")
    code, verdict, _ = lab.reproduce(name="two", env={"QUIET": "1"})
    assert (code, verdict["result"]) == (1, "different")
    assert agreements(verdict) == {"accuracy": "missing"}


def test_nothing_to_compare(lab: Lab) -> None:
    lab.record(program="print('nothing')")
    code, verdict, told = lab.reproduce()
    assert (code, verdict["result"], verdict["step"]) == (2, "failed", "run")
    assert verdict["runs"] == 0
    assert "nothing to compare" in told


def test_a_run_that_fails(lab: Lab) -> None:
    lab.record(program=PROGRAM + "\nimport os; sys.exit(3 if 'BAD' in os.environ else 0)\n")
    code, verdict, told = lab.reproduce(env={"BAD": "1"})
    assert (code, verdict["result"], verdict["step"]) == (1, "failed", "run")
    assert verdict["exit_code"] == 3
    assert "run: the run failed with exit code 3" in told
    assert lab.verdicts()[0].result == "failed"


def test_one_that_failed_fails_again(lab: Lab) -> None:
    lab.record(program=PROGRAM + "\nsys.exit(7)\n")
    code, verdict, _ = lab.reproduce()
    assert (code, verdict["result"]) == (0, "identical")


def test_data_in_another_version(lab: Lab) -> None:
    """The run was allowed to use what is not what the pin says; a reproduction gets the pin."""
    data = lab.pin_data()
    lab.record("int(open('data.csv').read())")
    data.unlink()
    data.write_text("2")
    run = ("exp", "run", "--name", "two", "--allow", "stale-pin", "--", sys.executable, "train.py")
    assert lab.project.xgit(*run).returncode == 0
    code, verdict, _ = lab.reproduce(name="two")
    assert (code, verdict["result"]) == (1, "different")
    assert verdict["suspects"][0]["kind"] == "guards"
    assert "data.csv" in verdict["suspects"][0]["name"]
    assert verdict["metrics"]["accuracy"]["reproduced"] == [1]


def test_data_that_is_gone_from_its_remote(lab: Lab) -> None:
    lab.pin_data()
    lab.record("int(open('data.csv').read())")
    assert lab.reproduce()[0] == 0
    [lost] = (path for path in (lab.project.root.parent / "store").rglob("*") if path.is_file())
    lost.unlink()
    code, verdict, told = lab.reproduce()
    assert (code, verdict["result"], verdict["step"], verdict["runs"]) == (2, "failed", "data", 0)
    assert "data: data.csv: DVC remote store does not have it" in told
    assert verdict["ref"] == "refs/tags/reproduction/one/2"
    assert [one.step for one in lab.verdicts()] == [None, "data"]


# ---------------------------------------------------------------- asking


def test_without_a_terminal_it_refuses(lab: Lab) -> None:
    lab.record()
    done = lab.project.xgit("exp", "reproduce", "one", "--here")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2:] == [
        "error: this runs the experiment's code, and there is nobody to ask",
        "hint: xgit exp reproduce one --trust",
    ]
    assert "training" not in done.stdout
    assert lab.verdicts() == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_on_a_terminal_it_asks(lab: Lab, answer: str, code: int) -> None:
    lab.record()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "reproduce", "one", "--here"],
        cwd=lab.project.root, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert process.wait(30) == code
    assert (b"identical" in said) is (code == 0)
    assert len(lab.verdicts()) == (1 if code == 0 else 0)


def test_a_secret_on_the_command_line_is_not_there_any_more(lab: Lab) -> None:
    lab.record()
    run = ("exp", "run", "--name", "two", "--", sys.executable, "train.py", "https://a:pw@host/x")
    assert lab.project.xgit(*run).returncode == 0
    code, verdict, told = lab.reproduce(name="two")
    assert (code, verdict["step"], verdict["runs"]) == (2, "run", 0)
    assert "holds a secret" in told


def test_here_and_hermetic(lab: Lab) -> None:
    lab.record()
    done = lab.project.xgit("exp", "reproduce", "one", "--here", "--hermetic", "--trust")
    assert (done.returncode, "exclude each other" in done.stderr) == (2, True)


# ---------------------------------------------------------------- what was tampered with


def test_a_tag_under_another_name(lab: Lab) -> None:
    lab.record()
    lab.project.git("update-ref", "refs/tags/experiment/two", "refs/tags/experiment/one")
    done = lab.project.xgit("exp", "reproduce", "two", "--here", "--trust")
    assert done.returncode == 2
    assert "experiment/two holds a tag that is named 'experiment/one'" in done.stderr


def test_a_record_that_was_tampered_with(lab: Lab) -> None:
    """Somebody makes the result better, in a commit of their own under a new tag."""
    lab.record()
    it = experiments.load(open_repo(lab.project.root), "one")
    better = {**it.metrics.values, "accuracy": 0.99}
    forged = it._replace(id="two", metrics=it.metrics._replace(values=better))
    from xgit.git.plumbing import identity_line

    repo = open_repo(lab.project.root)
    experiments.save(repo, forged, identity=identity_line(repo))
    code, verdict, _ = lab.reproduce(name="two")
    assert (code, verdict["result"]) == (1, "different")
    accuracy = verdict["metrics"]["accuracy"]
    assert (accuracy["recorded"], accuracy["reproduced"]) == (0.99, [0.5])


def test_a_branch_that_was_rewritten(lab: Lab) -> None:
    lab.record()
    lab.project.git("commit", "--quiet", "--amend", "-m", "rewritten")
    lab.project.git("push", "--quiet", "--force", "origin", "HEAD")
    code, verdict, _ = lab.reproduce()
    assert (code, verdict["result"]) == (0, "identical")
    assert any("rewritten or removed" in note for note in verdict["notes"])


def test_a_directory_outside(lab: Lab) -> None:
    lab.record()
    repo = open_repo(lab.project.root)
    from xgit.git.plumbing import identity_line

    it = experiments.load(repo, "one")
    experiments.save(repo, it._replace(id="two", cwd="../.."), identity=identity_line(repo))
    code, verdict, told = lab.reproduce(name="two")
    assert (code, verdict["runs"]) == (2, 0)
    assert "outside of the repository" in told


# ---------------------------------------------------------------- what is kept


def test_the_same_failure_is_kept_once(lab: Lab) -> None:
    lab.record(program="print('nothing')")
    assert lab.reproduce()[1]["ref"] == "refs/tags/reproduction/one/1"
    assert lab.reproduce()[1]["ref"] is None
    assert len(lab.verdicts()) == 1


def test_a_server_that_is_down_says_nothing_of_the_experiment(lab: Lab) -> None:
    lab.record()
    lab.project.origin.rename(lab.project.origin.with_name("away"))
    code, verdict, _ = lab.reproduce()
    assert (code, verdict["step"], verdict["ref"]) == (2, "fetch", None)
    assert lab.verdicts() == []


def test_no_store_and_keep(lab: Lab) -> None:
    lab.record()
    code, verdict, told = lab.reproduce("--no-store", "--keep")
    assert (code, verdict["ref"], lab.verdicts()) == (0, None, [])
    assert (Path(verdict["kept"]) / "checkout/metrics.json").exists()
    assert verdict["kept"] in told
    lab.reproduce("--no-store")
    assert Path(verdict["kept"]).exists()  # kept means kept


def test_a_timeout(lab: Lab) -> None:
    slow = "\nimport os, time; time.sleep(60 if 'SLOW' in os.environ else 0)\n"
    lab.record(program=PROGRAM + slow)
    code, verdict, _ = lab.reproduce("--timeout", "1", env={"SLOW": "1"})
    assert (code, verdict["result"], verdict["step"]) == (1, "failed", "run")


# ---------------------------------------------------------------- killed


@pytest.mark.parametrize("step", ["the code", "the data", "the run"])
def test_killed_at_a_step_the_next_call_begins_anew(lab: Lab, step: str) -> None:
    lab.pin_data()
    lab.record(program=PROGRAM + "\nimport os, time; time.sleep(30 if 'SLOW' in os.environ else 0)")
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "reproduce", "one", "--here", "--trust"],
        cwd=lab.project.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True, env={**os.environ, "SLOW": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if line.decode().strip() == f"· {step}":
                break
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
    assert lab.verdicts() == []
    assert len(list(base_directory().iterdir())) == 1
    code, verdict, _ = lab.reproduce()
    assert (code, verdict["result"]) == (0, "identical")
    assert list(base_directory().iterdir()) == []
    lab.project.git("fsck", "--strict")


def test_ctrl_c_ends_it_and_cleans_up(lab: Lab) -> None:
    lab.record(program=PROGRAM + "\nimport os, time; time.sleep(30 if 'SLOW' in os.environ else 0)")
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "reproduce", "one", "--here", "--trust"],
        cwd=lab.project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, env={**os.environ, "SLOW": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.read(1)  # it trains
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode in (1, 130), told
    assert list(base_directory().iterdir()) == []


def test_two_at_once_get_two_numbers(lab: Lab) -> None:
    lab.record()
    command = [sys.executable, "-m", "xgit", "exp", "reproduce", "one", "--here", "--trust", "-q"]
    several = [
        subprocess.Popen(command, cwd=lab.project.root, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]  # fmt: skip
    assert [one.wait(60) for one in several] == [0, 0, 0]
    assert [one.number for one in lab.verdicts()] in ([1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1],
                                                      [3, 1, 2], [3, 2, 1])  # fmt: skip
