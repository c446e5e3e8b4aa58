"""Data that nothing pins is refused; what is pinned, tracked, written or no data never is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.dvc_project import copied, paste, shared_template
from xgit.capture.cache import Cache
from xgit.capture.mentions import in_command, role_of
from xgit.capture.state import Question, read_state
from xgit.git.plumbing import open_repo
from xgit.guards import unpinned
from xgit.guards.checking import check_repo
from xgit.record.model import ComposedConfig, Violation
from xgit.settings import Settings


def found(
    project: Project, *words: str, cwd: str = "", config: dict[str, object] | None = None
) -> tuple[Violation, ...]:
    """What is said of a run of `python train.py WORDS` with this config."""
    repo = open_repo(project.root)
    command, place = ("python", "train.py", *words), os.fspath(project.root / cwd)
    question = Question(repo, Settings(), "run", unpinned.NEEDS, "", command, place)
    with Cache(repo.private_dir) as cache:
        state = read_state(question, cache)
        if config is not None:
            from xgit.capture.state import with_config

            state = state._replace(config=ComposedConfig(config))
            state = with_config(repo, unpinned.NEEDS, state)
    return unpinned.check(state)


def subjects(project: Project, *words: str, **options: object) -> list[str]:
    return [one.subject.partition(":")[0] for one in found(project, *words, **options)]  # type: ignore[arg-type]


@pytest.fixture
def pinned(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With `data/digits.csv` and `data/images` in DVC, and `*.npy` and `bulk/` ignored."""
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    with (project.root / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("*.npy\n/bulk/\noutputs/\n/raw/*\n!/raw/README\n")
    project.commit()
    return project


# ---------------------------------------------------------------- run: ignored


@pytest.mark.parametrize(
    "words",
    [
        ["data/x.npy"], ["./data/../data/x.npy"], ["data.path=data/x.npy"], ["++a.b='data/x.npy'"],
        ["--data=data/x.npy"], ["--data", "data/x.npy"], ["-d", "data/x.npy"],
        ["--load-checkpoint=data/x.npy"], ["file=file://{root}/data/x.npy"], ["{root}/data/x.npy"],
    ],
)  # fmt: skip
def test_ignored_data_on_the_command_line(pinned: Project, words: list[str]) -> None:
    pinned.write("data/x.npy", "1")
    words = [word.format(root=pinned.root) for word in words]
    [refused] = found(pinned, *words)
    assert refused == Violation(
        "unpinned",
        "data/x.npy: ignored by git, named by the command line",
        "dvc add data/x.npy",
    )
    paste(pinned, refused.remedy)
    pinned.commit()
    assert found(pinned, *words) == ()


def test_in_a_config(pinned: Project) -> None:
    pinned.write("data/x.npy", "1")
    pinned.write("data/y.npy", "1")
    config = {
        "train.files": ["data/x.npy", "data/y.npy"],
        "lr": 0.1,
        "model._target_": "data/x.npy",
    }
    assert [one.subject for one in found(pinned, config=dict(config))] == [
        "data/x.npy: ignored by git, named by train.files in the config",
        "data/y.npy: ignored by git, named by train.files in the config",
    ]


def test_in_params_yaml_before_the_start(pinned: Project) -> None:
    pinned.write("data/x.npy", "1")
    pinned.write("params.yaml", "data:\n  path: data/x.npy\nout: data/x.npy\n")
    [refused] = found(pinned)
    assert refused.subject == "data/x.npy: ignored by git, named by data.path in params.yaml"
    pinned.commit()
    done = pinned.xgit("exp", "run", "--", sys.executable, "train.py")
    assert done.returncode == 125
    assert "unpinned  data/x.npy" in done.stderr
    paste(pinned, refused.remedy)
    pinned.commit()
    paste(pinned, "dvc push --quiet")
    done = pinned.xgit("exp", "run", "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr


def test_relative_to_where_it_starts_or_to_the_root(pinned: Project) -> None:
    pinned.write("sub/data/x.npy", "1")
    assert subjects(pinned, "data/x.npy", cwd="sub") == ["sub/data/x.npy"]
    assert subjects(pinned, "sub/data/x.npy", cwd="sub") == ["sub/data/x.npy"]
    assert subjects(pinned, "data/x.npy") == []


def test_a_directory_with_files_that_nothing_pins(pinned: Project) -> None:
    assert found(pinned, "data_dir=data") == ()
    pinned.write("data/x.npy", "1")
    pinned.write("data/more/deep/y.npy", "1")
    pinned.write("data/__pycache__/z.npy", "1")
    pinned.write("data/.hidden.npy", "1")
    refused = found(pinned, "data_dir=data", "data/x.npy")
    assert {one.remedy for one in refused} == {"dvc add data/x.npy", "dvc add data/more"}
    for one in refused:
        paste(pinned, one.remedy)
    pinned.commit()
    assert found(pinned, "data_dir=data", "data/x.npy") == ()


def test_a_directory_that_is_ignored_as_a_whole(pinned: Project) -> None:
    pinned.write("bulk/a/x.bin", "1")
    pinned.write("bulk/a/y.bin", "1")
    [refused] = found(pinned, "bulk/a/x.bin")
    assert (refused.subject.partition(":")[0], refused.remedy) == ("bulk/a/x.bin", "dvc add bulk")
    assert subjects(pinned, "bulk/a/", "bulk/a/x.bin") == ["bulk/a", "bulk/a/x.bin"]
    paste(pinned, refused.remedy)
    pinned.commit()
    assert found(pinned, "bulk/a/x.bin", "bulk") == ()


@pytest.mark.parametrize("folder", ["raw", "[r]a*w"])
def test_where_git_would_ignore_the_pin(pinned: Project, folder: str) -> None:
    escaped = folder.replace("[", "\\[").replace("*", "\\*")
    pinned.write(".gitignore", f"/{escaped}/*\n!/{escaped}/README\n")
    pinned.write(f"{folder}/README", "why")
    pinned.commit()
    pinned.write(f"{folder}/x.bin", "1")
    [refused] = found(pinned, f"{folder}/x.bin")
    paste(pinned, refused.remedy)
    pinned.commit()
    assert f"{folder}/x.bin.dvc" in pinned.git("ls-files")
    assert found(pinned, f"{folder}/x.bin", f"{folder}/") == ()


@pytest.mark.parametrize("name", ["it's a file.npy", "a b.npy", "$(touch pwned).npy", "[a]*.npy"])
def test_names_are_quoted(pinned: Project, name: str) -> None:
    pinned.write(f"data/{name}", "1")
    [refused] = found(pinned, f"data/{name}")
    paste(pinned, refused.remedy)
    pinned.commit()
    assert found(pinned, f"data/{name}") == ()
    assert not (pinned.root / "pwned").exists()


def test_names_that_dvc_cannot_take(pinned: Project) -> None:
    name = os.fsdecode(b"data/\xff\n.npy")
    (pinned.root / name).write_bytes(b"1")
    [refused] = found(pinned, name)
    assert refused.remedy.isprintable()


def test_without_dvc_it_is_begun(project: Project) -> None:
    project.write("ignored/x.csv", "1")
    [refused] = found(project, "ignored/x.csv")
    assert refused.remedy == "dvc init && dvc add ignored"
    paste(project, refused.remedy)
    project.commit()
    assert found(project, "ignored/x.csv") == ()


def test_in_a_linked_work_tree(pinned: Project) -> None:
    pinned.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    linked = Project(pinned.root.parent / "linked", pinned.origin)
    linked.write("data/x.npy", "1")
    assert subjects(linked, "data/x.npy") == ["data/x.npy"]
    assert subjects(pinned, "data/x.npy") == []


# ---------------------------------------------------------------- run: outside


def test_outside_the_repository(pinned: Project, tmp_path: Path) -> None:
    data = tmp_path / "elsewhere" / "it's.csv"
    data.parent.mkdir()
    data.write_text("1", encoding="utf-8")
    [refused] = found(pinned, f"data.path={data}")
    assert refused.subject == f"{data}: outside the repository, named by the command line"
    assert refused.alternative == "then name data/it's.csv there"
    paste(pinned, refused.remedy)
    pinned.commit()
    assert found(pinned, "data.path=data/it's.csv") == ()
    assert subjects(pinned, str(data.parent)) == [str(data.parent)]
    assert subjects(pinned, "../../elsewhere/it's.csv") == [str(data)]


def test_outside_without_dvc(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.csv").write_text("1", encoding="utf-8")
    [refused] = found(project, str(tmp_path / "elsewhere"))
    paste(project, refused.remedy)
    project.commit()
    assert found(project, "data_dir=data/elsewhere") == ()


def test_through_a_link_and_in_the_home(pinned: Project, tmp_path: Path) -> None:
    home = Path(os.environ["HOME"])
    (home / "x.csv").write_text("1", encoding="utf-8")
    (pinned.root / "far").symlink_to(home)
    pinned.commit()
    assert subjects(pinned, "far/x.csv") == [str(home / "x.csv")]
    assert subjects(pinned, config={"data.path": "~/x.csv"}) == [str(home / "x.csv")]
    assert subjects(pinned, "--data", str(home)) == []


def test_data_that_dvc_keeps_as_a_link(pinned: Project, tmp_path: Path) -> None:
    paste(
        pinned,
        f"dvc cache dir {tmp_path}/elsewhere && dvc config cache.type symlink && "
        "echo 1 > data/x.npy && dvc add --quiet data/x.npy",
    )
    pinned.commit()
    assert (pinned.root / "data/x.npy").is_symlink()
    assert found(pinned, "data/x.npy", "data_dir=data") == ()


# ---------------------------------------------------------------- run: what is fine


def test_no_false_alarms(pinned: Project, tmp_path: Path) -> None:
    for path in (
        "outputs/2026/x.npy", "checkpoints/last.npy", "logs/x.npy", "resnet/w.npy", "src/a.npy",
        "model.npy", "best_metrics.npy", ".venv/pyvenv.cfg", ".venv/lib/x.npy", "bulk/tool",
        "train/x.npy",
    ):  # fmt: skip
        pinned.write(path, "#!/bin/sh\n")
    (pinned.root / "bulk/tool").chmod(0o755)
    pinned.write("conf/__pycache__/x.pyc", "1")
    pinned.write("conf/config.yaml", "a: 1")
    pinned.write(".gitignore", (pinned.root / ".gitignore").read_text() + ".venv/\n__pycache__/\n")
    (tmp_path / "empty").mkdir()
    link = tmp_path / "program"
    link.write_text("#!/bin/sh\n")
    link.chmod(0o755)
    pinned.write("data/tracked.csv", "1")
    pinned.git("add", "--all")
    words = (
        ".", "..", "/", "./", str(pinned.root), str(pinned.root.parent), "/dev/null", "/tmp",
        "/usr/share", "/etc/hostname", sys.executable, str(Path(sys.prefix) / "lib"),
        "model=resnet", "train", "data=train", "--resume", "", "lr=0.1", "x=[a,b]", "a=", "=",
        "https://host/data/x.npy", "s3://bucket/x.npy", "data/digits.csv", "data/images",
        "data/images/a b.txt", "data_dir=data", "data/", "data/tracked.csv", "conf", "conf/",
        "config_dir=conf", "outputs/2026", "outputs/2026/x.npy", "checkpoints/last.npy", "logs/",
        "best_metrics.npy", "--output", "model.npy", "-o", "model.npy", "--save_path=model.npy",
        "ckpt_path=model.npy",
        "hydra.run.dir=bulk", "logDir=bulk", "trainer.default_root_dir=bulk", "cache_dir=bulk",
        "callbacks.ckpt.dirpath=bulk", "work_dir=bulk", ".venv/lib/x.npy", "bulk/tool",
        str(tmp_path / "empty"), str(link), "data/no such file.npy", "\n", "x" * 5000, "a\0b",
        ".git/config", ".dvc/config", "models/none/", "..", "%s", "~", "~/",
    )  # fmt: skip
    assert found(pinned, *words) == ()
    config = {
        "data.name": "digits.csv", "name": "train", "paths.root_dir": ".", "paths.log_dir": "logs",
        "paths.output_dir": "outputs/2026", "hydra.x": "model.npy", "_file_": "model.npy",
        "a": None, "b": [1, None, ["resnet"]], "data.dir": "data", "logger.file": "model.npy",
    }  # fmt: skip
    assert found(pinned, config=dict(config)) == ()


def test_what_lies_in_a_submodule_is_pinned_by_its_commit(pinned: Project) -> None:
    pinned.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(pinned.origin), "s"
    )
    pinned.commit()
    pinned.write("s/ignored/x.csv", "1")
    assert found(pinned, "s/ignored/x.csv", "s/train.py", "data_dir=s") == ()


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("data.path", "input"), ("dataset", "input"), ("resume_from_checkpoint", "input"),
        ("load_ckpt", "input"), ("output_dir", "output"), ("outputDir", "output"), ("o", "output"),
        ("logging.dir", "output"), ("data.cache_dir", "output"), ("path", "unknown"),
        ("experiment.path", "unknown"), ("", "unknown"), ("savedir", "output"),
        ("HF_HOME", "output"), ("hydra.run.dir", "output"),
    ],
)  # fmt: skip
def test_what_a_name_tells(name: str, role: str) -> None:
    assert role_of(name) == role


def test_no_process_is_started_where_nothing_is_named() -> None:
    assert [one.text for one in in_command(("train.py", "--lr", "0.1", "a.b=c"))] == [
        "0.1", "c", "a.b=c",
    ]  # fmt: skip
    assert list(in_command(())) == []


# ---------------------------------------------------------------- run: Hydra

APP = """
import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print("began")
main()
"""


def test_the_config_that_a_hydra_app_composed(pinned: Project) -> None:
    pinned.write("train.py", APP)
    pinned.write("conf/config.yaml", "defaults: [data: a, _self_]\nstem: digits\n")
    pinned.write("conf/data/a.yaml", "path: data/${stem}.csv\n")
    pinned.write("conf/data/b.yaml", "path: data/${stem}.npy\n")
    pinned.commit()
    pinned.write("data/x.npy", "1")
    run = ("exp", "run", "--", sys.executable, "train.py")
    done = pinned.xgit(*run, "data=b", "stem=x")
    assert done.returncode == 125
    assert "unpinned  data/x.npy: ignored by git, named by data.path in the config" in done.stderr
    assert "dvc add data/x.npy" in done.stderr
    assert "began" not in done.stdout
    assert pinned.git("tag") == ""
    done = pinned.xgit(*run)
    assert (done.returncode, "began" in done.stdout) == (0, True), done.stderr
    paste(pinned, "dvc add --quiet data/x.npy && dvc push --quiet")
    pinned.commit()
    done = pinned.xgit(*run, "data=b", "stem=x")
    assert (done.returncode, "began" in done.stdout) == (0, True), done.stderr


# ---------------------------------------------------------------- commit


def staged(project: Project, *guards: str) -> list[str]:
    _, results = check_repo(open_repo(project.root), "commit", guards)
    return [f"{one.guard} {one.subject}" for result in results for one in result.violations]


def test_data_is_committed_to_dvc(pinned: Project) -> None:
    (pinned.root / "big.CSV").write_bytes(b"0" * 1_000_001)
    (pinned.root / "big.txt").write_bytes(b"0" * 1_000_001)
    (pinned.root / "small.csv").write_bytes(b"0" * 2000)
    pinned.git("add", "--all")
    assert staged(pinned, "unpinned") == ["unpinned big.CSV: 1 MB"]
    _, [result] = check_repo(open_repo(pinned.root), "commit", ["unpinned"])
    paste(pinned, result.violations[0].remedy)
    assert staged(pinned, "unpinned") == []
    names = pinned.git("diff", "--cached", "--name-only").split()
    assert {"big.CSV.dvc", "small.csv", "big.txt"} == set(names)


def test_it_is_named_once_where_it_is_large_as_well(pinned: Project) -> None:
    (pinned.root / "huge.csv").write_bytes(b"0" * 5_000_001)
    pinned.git("add", "--all")
    assert staged(pinned, "unpinned", "large-file") == ["large-file huge.csv: 5 MB"]
    assert staged(pinned, "unpinned") == ["unpinned huge.csv: 5 MB"]


def test_kinds_and_limit_can_be_set(project: Project) -> None:
    project.write("x.txt", "0" * 11)
    project.write("xgit.toml", '[guards.unpinned]\nkinds = [".txt"]\nlimit_bytes = 10\n')
    project.git("add", "--all")
    assert staged(project, "unpinned") == ["unpinned x.txt: 11 bytes"]


def test_at_a_commit_nothing_is_read_for_a_run(project: Project) -> None:
    project.write("ignored/x.csv", "1")
    project.write("params.yaml", "path: ignored/x.csv\n")
    state, [result] = check_repo(open_repo(project.root), "commit", ["unpinned"])
    assert (state.config, state.mentioned, result.outcome) == (None, (), "passed")
    state, [result] = check_repo(open_repo(project.root), "run", ["unpinned"])
    assert (state.staged, result.outcome) == ((), "failed")


def test_by_a_real_commit(project: Project) -> None:
    hook = project.root / ".git/hooks/pre-commit"
    hook.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from xgit.guards.main import main; main()"\n'
    )
    hook.chmod(0o755)
    (project.root / "x.csv").write_bytes(b"0" * 2_000_000)
    project.git("add", "x.csv")
    done = subprocess.run(
        ["git", "commit", "-q", "-m", "x"], cwd=project.root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "unpinned  x.csv: 2 MB" in done.stderr
