"""`xgit exp run` as a user types it: what is recorded, refused, printed, and left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project, make_project
from tests.untouched import everything
from xgit.guards import registry

LOGS = """
import xgit
for step in range(5):
    xgit.log({"accuracy": step / 10, "loss": 1 - step / 10}, step=step)
xgit.summary(best=0.4)
print("trained")
"""


def tags(project: Project) -> list[str]:
    return project.git("tag", "--list", "experiment/*").splitlines()


def record(project: Project, tag: str | None = None) -> dict[str, Any]:
    (only,) = [tag] if tag else tags(project)
    document = json.loads(project.git("show", f"{only}:.xgit/record.json"))
    assert isinstance(document, dict)
    return document


@pytest.fixture
def training(project: Project) -> Project:
    project.write("train.py", LOGS)
    project.commit("train")
    return project


# ---------------------------------------------------------------- what is recorded


def test_a_run_becomes_a_commit_and_a_tag(training: Project) -> None:
    before = everything(training)
    done = training.xgit(
        "exp", "run", "--why", "does it learn?", "--expect", "accuracy > 0.3",
        "--label", "first", "--", "python", "train.py", "--fast",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained\n"
    assert everything(training) == before
    doc = record(training)
    assert doc["status"] == "completed"
    assert doc["exit_code"] == 0
    assert doc["why"] == "does it learn?"
    assert doc["expectations"] == [{"expression": "accuracy > 0.3", "met": True}]
    assert doc["labels"] == ["first"]
    assert doc["command"] == {"argv": ["python", "train.py", "--fast"], "cwd": "."}
    assert doc["author"] == {"name": "Ada Lovelace", "email": "ada@example.com"}
    assert doc["code"]["commit"] == training.git("rev-parse", "HEAD")
    assert doc["code"]["branch"] == "main"
    assert doc["code"]["pushed"] is True
    assert doc["code"]["remote"] == f"origin {training.origin}"
    assert doc["metrics"] == {"accuracy": 0.4, "best": 0.4, "loss": 0.6}
    assert doc["metric_sources"] == {
        "accuracy": "xgit.log",
        "best": "xgit.summary",
        "loss": "xgit.log",
    }
    assert doc["environment"]["python"]["version"] == sys.version.split()[0]
    assert doc["environment"]["packages"]["click"]["source"] == "index"
    assert doc["environment"]["packages"]["xgit"]["source"].startswith("editable:")
    assert doc["hardware"]["cores"] == os.cpu_count()
    assert doc["reproducible"] == {"value": True, "reasons": []}
    assert {one["id"]: one["outcome"] for one in doc["guards"]} == dict.fromkeys(
        [one.id for one in registry.guards_for("run")], "passed"
    )
    (tag,) = tags(training)
    assert training.git("show", f"{tag}:.xgit/log.txt") == "trained"
    series = training.git("show", f"{tag}:.xgit/metrics.jsonl").splitlines()
    assert len(series) == 10
    assert training.git("rev-parse", f"{tag}^{{commit}}^") == training.git("rev-parse", "HEAD")
    assert training.git("fsck", "--strict", "--no-dangling") == ""
    assert os.listdir(training.root / ".git/xgit/runs") == []


def test_the_words_at_the_end(training: Project) -> None:
    training.xgit("exp", "run", "--name", "one", "--", "python", "train.py")
    training.write("train.py", LOGS.replace("step / 10,", "step / 5,"))
    training.commit("better")
    done = training.xgit(
        "exp", "run", "--name", "two", "--expect", "accuracy > 0.9", "--", "python", "train.py"
    )
    lines = done.stderr.splitlines()
    assert lines[0].startswith(
        "✓ experiment/two   best 0.4 · accuracy 0.8 (+0.4 since @~1) · loss 0.6"
    )
    assert (
        lines[1] == "  expectation NOT met: accuracy > 0.9"
        " · reproducible: yes, as far as the guards can tell"
    )
    assert lines[2] == "  xgit exp compare @~1 @   ·   xgit exp push @"


def test_quiet_says_nothing(training: Project) -> None:
    done = training.xgit("exp", "run", "--quiet", "--", "python", "train.py")
    assert done.stderr == ""


def test_json_prints_the_record_and_moves_the_output(training: Project) -> None:
    done = training.xgit("exp", "run", "--json", "--", "python", "train.py")
    assert json.loads(done.stdout) == record(training)
    assert "trained\n" in done.stderr


def test_a_failing_command_is_recorded_and_its_code_passed_on(project: Project) -> None:
    done = project.xgit("exp", "run", "--", "sh", "-c", "echo half way; exit 3")
    assert done.returncode == 3
    doc = record(project)
    assert (doc["status"], doc["exit_code"], doc["signal"]) == ("failed", 3, None)
    assert doc["reproducible"]["value"] is False
    assert project.git("show", f"{tags(project)[0]}:.xgit/log.txt") == "half way"
    assert "failed: exit code 3" in done.stderr
    assert "xgit exp log @" in done.stderr


def test_no_metrics_at_all_is_said(project: Project) -> None:
    done = project.xgit("exp", "run", "--", "true")
    assert "no metrics were found" in done.stderr
    assert any("no metrics were found" in note for note in record(project)["notes"])


def test_the_configured_command_with_overrides(project: Project) -> None:
    project.write("pyproject.toml", '[tool.xgit]\ncommand = "python train.py --fixed"\n')
    project.write("train.py", "import sys; print(*sys.argv[1:])")
    project.commit()
    (project.root / "sub").mkdir()
    done = project.xgit(
        "exp", "run", "lr=0.1", "--why", "x", "+model=svm", cwd=project.root / "sub"
    )
    assert done.stdout == "--fixed lr=0.1 +model=svm\n"
    assert record(project)["command"]["cwd"] == "."


def test_the_directory_of_the_command(project: Project) -> None:
    project.write("sub/where.py", "import os; print(os.getcwd())")
    project.commit()
    done = project.xgit("exp", "run", "--", "python", "where.py", cwd=project.root / "sub")
    assert done.stdout == f"{project.root}/sub\n"
    assert record(project)["command"]["cwd"] == "sub"


def test_the_parent_is_the_commit_of_the_start(project: Project) -> None:
    start = project.git("rev-parse", "HEAD")
    done = project.xgit(
        "exp", "run", "--", "git", "commit", "--quiet", "--allow-empty", "--message", "meanwhile"
    )
    assert done.returncode == 0
    assert project.git("rev-parse", f"{tags(project)[0]}^{{commit}}^") == start
    assert project.git("rev-parse", "HEAD") != start


def test_params_yaml_is_read_when_there_is_no_hydra(training: Project) -> None:
    training.write("params.yaml", "optim:\n  lr: 0.1\nlayers: [1, 2]\n")
    training.commit()
    training.xgit("exp", "run", "--", "python", "train.py")
    doc = record(training)
    assert doc["params"] == {"optim.lr": 0.1, "layers": [1, 2]}
    assert doc["params_source"] == "params.yaml"
    assert training.git("show", f"{tags(training)[0]}:.xgit/params.yaml").startswith("optim:")


def test_metric_files_count_when_this_run_wrote_them(project: Project) -> None:
    project.write(".gitignore", "metrics.json\ndvclive/\nout.json\n")
    project.write("dvc.yaml", "metrics:\n- out.json\n")
    project.write("write.py", "open('metrics.json', 'w').write('{\"acc\": 0.5, \"n\": 3}')")
    project.commit()
    project.write("metrics.json", '{"acc": 0.1, "old": 1}')
    project.write("out.json", '{"stale": 1}')
    project.xgit("exp", "run", "--name", "silent", "--", "true")
    assert record(project, "experiment/silent")["metrics"] == {}
    project.xgit("exp", "run", "--name", "writes", "--", "python", "write.py")
    doc = record(project, "experiment/writes")
    assert doc["metrics"] == {"acc": 0.5, "n": 3}
    assert doc["metric_sources"] == {"acc": "metrics.json", "n": "metrics.json"}


HYDRA = """
import os, hydra
from omegaconf import DictConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    print("password is", os.environ.get("PW"))
    cfg.db.user = "mutated"
    return 0.75

main()
"""


@pytest.fixture
def hydra_project(project: Project) -> Project:
    project.write("train.py", HYDRA)
    project.write(".gitignore", "outputs/\n")
    project.write(
        "conf/config.yaml",
        "defaults:\n  - model: svm\n  - _self_\n"
        "db:\n  user: u\n  pw: ${oc.env:PW}\n  url: pg://${db.user}:${db.pw}@h/x\n"
        "lr: 0.1\ntwice: ${model.c}\n",
    )
    project.write("conf/model/svm.yaml", "name: svm\nc: 1.5\n")
    project.write("conf/model/tree.yaml", "name: tree\nc: 3\n")
    project.write("run.sh", 'echo via sh\nexec python train.py "$@"\n')
    project.commit("hydra")
    return project


@pytest.mark.parametrize("start", [("python", "train.py"), ("sh", "run.sh")])
def test_a_hydra_app(hydra_project: Project, start: tuple[str, ...]) -> None:
    password = "hunter2 Geheim!"
    done = hydra_project.xgit(
        "exp", "run", "--", *start, "lr=0.3", "model=tree", env={"PW": password}
    )
    assert done.returncode == 0, done.stderr
    doc = record(hydra_project)
    assert doc["params"]["lr"] == 0.3
    assert doc["params"]["twice"] == 3
    assert doc["params"]["db.user"] == "u"
    assert doc["hydra"]["overrides"] == ["lr=0.3", "model=tree"]
    assert doc["hydra"]["choices"]["model"] == "tree"
    assert doc["hydra"]["config_name"] == "config"
    assert doc["metrics"] == {"return_value": 0.75}
    assert doc["metric_sources"] == {"return_value": "hydra return value"}
    (tag,) = tags(hydra_project)
    written = hydra_project.git("show", f"{tag}:.xgit/params.yaml")
    assert "twice: ${model.c}" in written
    assert password in done.stdout  # the user's terminal is his own
    assert_absent(hydra_project, password)
    assert doc["params"]["db.url"] == "pg://***@h/x"


def assert_absent(project: Project, secret: str) -> None:
    """No object of the repository holds it, and nothing of xgit's own does."""
    out = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=project.root, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert secret.encode() not in out
    for path in (project.root / ".git/xgit").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_secret_on_the_command_line(project: Project) -> None:
    secret = "s3cr3t-hunter2"
    project.xgit(
        "exp", "run", "--why", f"try {secret}", "--", "echo", f"--token={secret}", secret,
        env={"HF_TOKEN": secret},
    )  # fmt: skip
    assert record(project)["command"]["argv"][2] == "***"
    assert_absent(project, secret)


def test_a_config_that_hydra_rejects_is_a_failed_run(hydra_project: Project) -> None:
    done = hydra_project.xgit("exp", "run", "--", "python", "train.py", "nope=1", env={"PW": "x"})
    assert done.returncode == 1
    assert record(hydra_project)["status"] == "failed"
    assert "nope" in hydra_project.git("show", f"{tags(hydra_project)[0]}:.xgit/log.txt")


def test_an_unset_variable_is_refused_unless_it_is_allowed(hydra_project: Project) -> None:
    refused = hydra_project.xgit("exp", "run", "--", "python", "train.py")
    assert refused.returncode == 125
    assert "export PW=" in refused.stderr
    assert tags(hydra_project) == []
    done = hydra_project.xgit("exp", "run", "--allow", "variables", "--", "python", "train.py")
    assert done.returncode == 0, "the config is only read where it is used"
    doc = record(hydra_project)
    assert doc["params"]["db.pw"] == "${oc.env:PW}"
    assert any("db.pw" in note for note in doc["notes"])


# ---------------------------------------------------------------- refused


def test_all_violations_at_once_and_nothing_is_left(project: Project) -> None:
    project.write("train.py", "changed")
    project.write("new file.py", "x")
    project.git("commit", "--quiet", "--allow-empty", "--message", "not pushed")
    before = everything(project)
    done = project.xgit("exp", "run", "--", "true")
    assert done.returncode == 125
    lines = done.stderr.splitlines()
    assert lines[0] == "error: this run could not be repeated (3 violations)"
    text = "\n".join(lines[1:-1])
    assert "untracked" in text
    assert "git add 'new file.py'" in text
    assert "modified" in text
    assert "main is 1 commit ahead" in text
    assert lines[-1].startswith("hint: --allow untracked")
    assert "--snapshot" in lines[-1]
    assert everything(project) == before
    assert tags(project) == []
    assert not (project.root / ".git/xgit").exists()


def test_refusal_as_json(project: Project) -> None:
    project.write("new.py", "x")
    done = project.xgit("exp", "run", "--json", "--", "true")
    assert done.returncode == 125
    failed = [one for one in json.loads(done.stdout)["refused"] if one["outcome"] == "failed"]
    assert failed == [
        {
            "id": "untracked",
            "outcome": "failed",
            "violations": [{"subject": "new.py", "remedy": "git add new.py"}],
        }
    ]


def test_what_is_allowed_is_recorded(project: Project) -> None:
    project.write("new.py", "x")
    done = project.xgit("exp", "run", "--allow", "untracked", "--", "true")
    assert done.returncode == 0
    assert "reproducible: no, untracked was allowed: new.py" in done.stderr
    doc = record(project)
    assert doc["guards"][0]["outcome"] == "allowed"
    assert doc["guards"][0]["violations"][0]["subject"] == "new.py"
    assert doc["reproducible"] == {"value": False, "reasons": ["untracked was allowed: new.py"]}


def test_a_snapshot_keeps_the_tree(project: Project) -> None:
    project.write("train.py", "print('changed')")
    project.write("new.py", "x")
    before = everything(project)
    done = project.xgit("exp", "run", "--snapshot", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "changed\n"
    assert everything(project) == before
    doc = record(project)
    snapshot = doc["code"]["snapshot"]
    assert doc["code"]["commit"] == project.git("rev-parse", "HEAD")
    (tag,) = tags(project)
    assert project.git("rev-parse", f"{tag}^{{commit}}^") == snapshot
    assert project.git("rev-parse", f"{snapshot}^") == doc["code"]["commit"]
    assert project.git("show", f"{tag}:train.py") == "print('changed')"
    assert project.git("show", f"{tag}:new.py") == "x"
    assert doc["reproducible"]["value"] is True
    assert project.git("fsck", "--strict", "--no-dangling") == ""
    assert not list((project.root / ".git/objects/pack").glob("*.keep"))


def test_a_name_is_taken_once(project: Project) -> None:
    assert project.xgit("exp", "run", "--name", "same", "--", "true").returncode == 0
    done = project.xgit("exp", "run", "--name", "same", "--", "touch", "ran")
    assert done.returncode == 125
    assert "experiment/same exists already" in done.stderr
    assert not (project.root / "ran").exists()


# ---------------------------------------------------------------- many at once, killed


@pytest.mark.slow
def test_many_at_once(project: Project) -> None:
    project.write("train.py", "import sys, xgit; xgit.log({'n': int(sys.argv[1])})")
    project.commit()
    before = everything(project)
    command = [sys.executable, "-m", "xgit", "exp", "run", "-q", "--", "python", "train.py"]
    running = [
        subprocess.Popen([*command, str(i)], cwd=project.root, stderr=subprocess.PIPE)
        for i in range(20)
    ]
    for one in running:
        _, err = one.communicate()
        assert one.returncode == 0, err
    records = [record(project, tag) for tag in tags(project)]
    assert sorted(doc["metrics"]["n"] for doc in records) == list(range(20))
    assert all(doc["command"]["argv"][-1] == str(doc["metrics"]["n"]) for doc in records)
    assert everything(project) == before
    assert project.git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.slow
def test_the_same_name_many_times_at_once(project: Project) -> None:
    command = [
        sys.executable,
        "-m",
        "xgit",
        "exp",
        "run",
        "-q",
        "--name",
        "one",
        "--",
        "sleep",
        "1",
    ]
    running = [
        subprocess.Popen(command, cwd=project.root, stderr=subprocess.PIPE) for _ in range(15)
    ]
    codes = sorted(one.wait() for one in running)
    for one in running:
        one.communicate()
    assert codes == [0] + [125] * 14
    assert tags(project) == ["experiment/one"]


SLOW = """
import sys, time, xgit
for step in range(1000):
    xgit.log({"step": step}, step=step)
    if step == 5:
        print("ready", flush=True)
    time.sleep(0.05)
"""


def start_slow(project: Project, *options: str) -> subprocess.Popen[bytes]:
    project.write("train.py", SLOW)
    project.commit()
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "run", *options, "--", "python", "train.py"],
        cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def test_ctrl_c_is_recorded_as_interrupted(project: Project) -> None:
    process = start_slow(project)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    doc = record(project)
    assert (doc["status"], doc["exit_code"], doc["signal"]) == ("interrupted", 130, "SIGINT")
    assert doc["metrics"]["step"] >= 5


def test_a_timeout_is_recorded(project: Project) -> None:
    done = project.xgit("exp", "run", "--timeout", "0.5", "--", "sleep", "60")
    assert done.returncode == 143
    assert record(project)["status"] == "interrupted"


def test_a_killed_xgit_shows_up_at_the_next_command(project: Project) -> None:
    process = start_slow(project, "--name", "lost", "--why", "why not")
    time.sleep(0.5)  # the slow facts are read while the command runs
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    kill_leftovers(project)
    assert tags(project) == []
    done = project.xgit("exp", "list")
    assert "recovered: experiment/lost" in done.stderr
    assert "lost" in done.stdout
    doc = record(project)
    assert (doc["status"], doc["exit_code"]) == ("interrupted", None)
    assert doc["why"] == "why not"
    assert doc["metrics"]["step"] >= 5
    assert doc["code"]["commit"] == project.git("rev-parse", "HEAD")
    assert doc["environment"]["packages"]
    assert project.git("show", "experiment/lost:.xgit/log.txt") == "ready"
    assert project.xgit("exp", "recover").returncode == 0
    assert os.listdir(project.root / ".git/xgit/runs") == []


def kill_leftovers(project: Project) -> None:
    """The command has a process group of its own: without its xgit it would go on."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.environ().get("XGIT_SPOOL", "").startswith(str(project.root)):
                process.kill()
                process.wait(5)
        except psutil.Error:
            continue


def test_a_command_that_outlives_its_xgit_is_waited_for(project: Project) -> None:
    process = start_slow(project, "--name", "orphan")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        done = project.xgit("exp", "list")
        assert "recovered" not in done.stderr
        assert tags(project) == []
    finally:
        kill_leftovers(project)
        process.communicate()
    assert "recovered: experiment/orphan" in project.xgit("exp", "list").stderr


def test_a_snapshot_survives_a_killed_xgit_and_a_gc(project: Project) -> None:
    project.write("new.py", "x")
    project.write("train.py", SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "run", "--name", "lost", "--snapshot",
         "--allow", "unpushed", "--", "python", "train.py"],
        cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kill_leftovers(project)
    project.git("gc", "--prune=now", "--quiet")
    assert "recovered" in project.xgit("exp", "list").stderr
    assert project.git("show", "experiment/lost:new.py") == "x"
    assert not list((project.root / ".git/objects/pack").glob("*.keep"))
    assert project.git("fsck", "--strict", "--no-dangling") == ""


def test_what_cannot_be_recorded_now_is_recorded_later(training: Project) -> None:
    in_the_way = "git tag experiment && python train.py"  # a ref where git needs a directory
    done = training.xgit("exp", "run", "--name", "kept", "--", "sh", "-c", in_the_way)
    assert done.returncode == 125
    assert "the run ended with exit code 0, and could not be recorded" in done.stderr
    assert "xgit exp recover" in done.stderr
    again = training.xgit("exp", "recover")
    assert again.returncode == 1
    assert "experiment/kept cannot be recovered yet" in again.stderr
    training.git("tag", "--delete", "experiment")
    assert "recovered: experiment/kept" in training.xgit("exp", "list").stderr
    doc = record(training)
    assert doc["status"] == "completed"
    assert doc["metrics"]["accuracy"] == 0.4
    assert training.git("fsck", "--strict", "--no-dangling") == ""


FILL = """
import os, sys
try:
    with open("../filler", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
except OSError as error:
    print(error.strerror)
"""


def test_a_full_disk(small_disk: Path) -> None:
    project = make_project(small_disk)
    project.write("train.py", LOGS + FILL)
    project.commit()
    before = everything(project)
    done = project.xgit("exp", "run", "--name", "full", "--", "python", "train.py")
    assert done.returncode == 125
    assert "could not be recorded" in done.stderr
    assert tags(project) == []
    assert project.git("fsck", "--strict", "--no-dangling") == ""
    refused = project.xgit("exp", "run", "--name", "next", "--", "true")
    assert refused.returncode == 125
    assert "No space left on device" in refused.stderr
    (small_disk / "filler").unlink()
    assert "recovered: experiment/full" in project.xgit("exp", "list").stderr
    doc = record(project)
    assert doc["metrics"]["accuracy"] == 0.4
    assert (doc["status"], doc["exit_code"]) == ("completed", 0)
    assert everything(project) == before
    assert project.git("fsck", "--strict", "--no-dangling") == ""


def test_a_recovered_run_is_masked_with_the_secrets_it_had(project: Project) -> None:
    secret = "s3cr3t-hunter2"
    project.write("params.yaml", "lr: 0.5\n")
    project.write("train.py", f"import os\nprint(os.environ['HF_TOKEN'], flush=True)\n{SLOW}")
    project.commit()
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "run", "--name", "lost", "--", "python", "train.py"],
        cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "HF_TOKEN": secret},
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline().decode().strip() == secret
    os.kill(process.pid, signal.SIGKILL)
    kill_leftovers(project)
    process.communicate(timeout=30)
    assert "recovered" in project.xgit("exp", "list").stderr
    assert project.git("show", "experiment/lost:.xgit/log.txt").splitlines()[0] == "***"
    assert record(project)["params"] == {"lr": 0.5}
    assert_absent(project, secret)


@pytest.mark.slow
def test_garbage_collection_at_the_same_time(training: Project) -> None:
    """`git gc --prune=now` again and again while runs are recorded: no tag to a lost object."""
    stop = training.root.parent / "stop"
    loop = f"while [ ! -e {stop} ]; do git gc --prune=now --quiet || exit 1; done"
    collector = subprocess.Popen(["sh", "-c", loop], cwd=training.root)
    try:
        for number in range(12):
            done = training.xgit("exp", "run", "-q", "--name", f"n{number}", "--", "true")
            assert done.returncode == 0, done.stderr
    finally:
        stop.touch()
        assert collector.wait(60) == 0
    assert len(tags(training)) == 12
    assert training.git("fsck", "--strict", "--no-dangling") == ""
    training.git("gc", "--prune=now", "--quiet")
    assert record(training, "experiment/n0")["status"] == "completed"
