"""What xgit puts into the user's process: a sitecustomize and a Hydra callback, with real Hydra."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import xgit
from xgit.capture.params.reading import params_of
from xgit.capture.spool.nouns import HydraJob
from xgit.capture.spool.reading import Spool, read_spool
from xgit.record.model import Params
from xgit.record.redact import Secrets

PACKAGE = Path(xgit.__file__).parent
INJECT = PACKAGE / "inject"

CONFIG = """\
lr: 0.1
name: run-${lr}
db: {pw: "${oc.env:PW,none}", url: "pg://u:${db.pw}@h"}
sizes: [1, 2, "${lr}"]
layers: [{n: 1}, {n: "${sizes.0}"}]
missing: ???
"""
TRAIN = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    BODY

if __name__ == "__main__":
    main()
"""


class App:
    """A Hydra app in a folder of its own, run as the parent runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.write("conf/config.yaml", CONFIG)
        self.body("return 0.5")

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))

    def body(self, code: str, path: str = "train.py") -> None:
        self.write(path, TRAIN.replace("BODY", code.replace("\n", "\n    ")))

    def bare(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The program without xgit."""
        return self._start(argv, {**os.environ, **env})

    def start(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The program inside a run."""
        inside = {"XGIT_SPOOL": str(self.spool), "PYTHONPATH": str(INJECT)}
        return self._start(argv, {**os.environ, **inside, **env})

    def _start(
        self, argv: tuple[str, ...], env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    def train(self, *overrides: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.start(sys.executable, "train.py", *overrides, **env)

    def read(self) -> Spool:
        return read_spool(self.spool)

    def job(self) -> HydraJob:
        (job,) = self.read().jobs
        return job


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


# ---------------------------------------------------------------- Hydra


def test_a_job_tells_its_config_and_result(app: App) -> None:
    done = app.train("lr=0.3", PW="hunter22", PORT="1")
    assert (done.returncode, done.stderr) == (0, "")
    job = app.job()
    assert job.leaves == {
        "lr": 0.3,
        "name": "run-0.3",
        "db.pw": "hunter22",
        "db.url": "pg://u:hunter22@h",
        "sizes": [1, 2, 0.3],
        "layers.0.n": 1,
        "layers.1.n": 1,
        "missing": "???",
    }
    assert job.text is not None
    assert "pw: ${oc.env:PW,none}" in job.text
    assert "hunter22" not in job.text
    assert "hydra:" not in job.text
    written = next(app.folder.glob("outputs/*/*/.hydra/config.yaml")).read_text()
    assert job.text == written
    assert (job.config_name, job.overrides, job.mode, job.num) == (
        "config",
        ("lr=0.3",),
        "RUN",
        None,
    )
    assert job.cwd == str(app.folder)
    assert job.output_dir is not None
    assert job.output_dir.startswith(f"{app.folder}/outputs/")
    assert job.env == {"PW": "hunter22"}
    assert job.composed.variables == {}  # it has a default
    assert job.composed.values == job.leaves
    assert job.env_leaves == {"db.pw": ("PW",), "db.url": ("PW",)}
    assert app.read().env_leaves == {"db.pw": ("PW",)}
    assert (job.status, job.values) == ("COMPLETED", {"return_value": 0.5})


def test_python_m_and_a_shell_script(app: App) -> None:
    app.write("pkg/__init__.py", "")
    app.body("return 1", "pkg/train.py")
    app.write("pkg/conf/config.yaml", CONFIG)
    app.write(
        "run.sh", f"cd .\n{sys.executable} train.py lr=0.2\n{sys.executable} -m pkg.train lr=0.4\n"
    )
    assert app.start("sh", "run.sh").returncode == 0
    assert [job.leaves["lr"] for job in app.read().jobs] == [0.2, 0.4]
    assert app.read().jobs[1].config_name == "config"


def test_hydra_zen(app: App) -> None:
    app.write(
        "train.py",
        """
        from hydra_zen import store, zen, builds
        def task(lr: float, deep: dict):
            return {"score": lr * 2}
        deep = {"a": [1, 2], "b": "${lr}"}
        store(task, name="task", lr=0.1, deep=deep, populate_full_signature=True)
        if __name__ == "__main__":
            store.add_to_hydra_store()
            zen(task).hydra_main(config_name="task", version_base="1.3", config_path=None)
        """,
    )
    done = app.train("lr=0.25")
    assert done.returncode == 0, done.stderr
    job = app.job()
    assert job.leaves["lr"] == 0.25
    assert job.leaves["deep.b"] == 0.25
    assert job.leaves["deep.a"] == [1, 2]
    assert job.values == {"score": 0.5}


def test_the_apps_own_callbacks_run_too(app: App) -> None:
    app.write(
        "own.py",
        """
        from hydra.experimental.callback import Callback
        class Own(Callback):
            def __init__(self, word): self.word = word
            def on_job_start(self, config, **kwargs): print("own", self.word)
        """,
    )
    own = "hydra:\n  callbacks:\n    own:\n      _target_: own.Own\n      word: hello\n"
    app.write("conf/config.yaml", CONFIG + own)
    done = app.train(PYTHONPATH=f"{INJECT}{os.pathsep}{app.folder}")
    assert done.stdout == "own hello\n"
    assert app.job().status == "COMPLETED"


@pytest.mark.parametrize("how", [["-m"], ["hydra.mode=MULTIRUN"]])
def test_a_sweep_is_several_jobs(app: App, how: list[str]) -> None:
    app.body("return {'acc': cfg.lr}")
    done = app.train(*how, "lr=0.1,0.2")
    assert done.returncode == 0, done.stderr
    jobs = app.read().jobs
    assert [(job.num, job.mode) for job in jobs] == [(0, "MULTIRUN"), (1, "MULTIRUN")]
    assert [job.values for job in jobs] == [{"acc": 0.1}, {"acc": 0.2}]
    assert [job.overrides for job in jobs] == [("lr=0.1",), ("lr=0.2",)]


@pytest.mark.slow
def test_a_sweep_in_worker_processes(app: App) -> None:
    app.body("import xgit\nxgit.log({'acc': cfg.lr})\nreturn cfg.lr")
    done = app.train("-m", "lr=0.1,0.2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 0, done.stderr
    spool = app.read()
    assert sorted(job.values["return_value"] for job in spool.jobs) == [0.1, 0.2]
    assert {job.status for job in spool.jobs} == {"COMPLETED"}
    assert sorted(point.value for point in spool.points) == [0.1, 0.2]


def test_groups_chosen_without_those_of_hydra(app: App) -> None:
    app.write("conf/model/svm.yaml", "kind: svm\n")
    app.write("conf/model/mlp.yaml", "kind: mlp\n")
    app.write("conf/config.yaml", "defaults: [{model: svm}, _self_]\n" + CONFIG)
    app.train("model=mlp", "hydra/job_logging=disabled")
    assert app.job().choices == {"model": "mlp"}
    assert app.job().leaves["model.kind"] == "mlp"


def test_no_output_subdir(app: App) -> None:
    assert app.train("hydra.output_subdir=null").returncode == 0
    assert app.job().leaves["lr"] == 0.1


@pytest.mark.parametrize(
    "line", ["secret: ${oc.env:NOT_SET}", "secret: ${nope.nope}", "lr: ${unknown_resolver:1}"]
)
def test_a_leaf_that_fails_is_named_and_the_apps_error_is_its_own(app: App, line: str) -> None:
    name, _, raw = line.partition(": ")
    app.write("conf/config.yaml", f"other: 1\n{line}\n")
    app.body(f"return cfg.{name}")
    bare = app.bare(sys.executable, "train.py")
    done = app.train()
    assert (done.returncode, done.stderr) == (bare.returncode, bare.stderr)
    assert bare.returncode == 1
    job = app.job()
    assert (job.leaves[name], job.leaves["other"]) == (raw, 1)
    assert list(job.unresolved) == [name]
    assert (job.status, job.values) == ("FAILED", {})
    assert dict(job.composed.values) == {"other": 1}
    if "NOT_SET" in line:
        assert job.env == job.composed.variables == {"NOT_SET": None}


def test_a_rejected_config_is_the_apps_own_error(app: App) -> None:
    bare = app.bare(sys.executable, "train.py", "nope=1")
    done = app.train("nope=1")
    assert (done.returncode, done.stderr) == (bare.returncode, bare.stderr)
    assert bare.returncode == 1
    spool = app.read()
    assert (spool.jobs, spool.hydra_seen) == ((), True)


def test_variables_are_found_through_nested_names(app: App) -> None:
    app.write(
        "conf/config.yaml",
        """
        which: PW
        pw: ${oc.env:${which}}
        again: ${pw}
        number: ${oc.decode:${oc.env:PORT}}
        text: "p=${number}"
        hydra: {job: {env_set: {COPY: "${oc.env:ONLY_IN_HYDRA,}"}}}
        """,
    )
    app.train(PW="hunter22", PORT="80", ONLY_IN_HYDRA="s3cret99")
    job = app.job()
    assert job.env == {"PW": "hunter22", "PORT": "80", "ONLY_IN_HYDRA": "s3cret99"}
    assert app.read().env_leaves == {"pw": ("PW",), "again": ("PW",), "number": ("PORT",)}
    assert job.env_leaves["text"] == ("PORT",)
    assert job.composed.variables == {"PW": "hunter22", "PORT": "80"}


def test_a_password_reached_through_interpolation_is_masked(app: App) -> None:
    line = "url2: '${db.url}'\nport: ${oc.decode:${oc.env:PORT}}\nn: 7\nupper: ${up:${db.pw}}\n"
    app.write("conf/config.yaml", CONFIG + line)
    app.body("return 1")
    script = (app.folder / "train.py").read_text()
    resolver = "from omegaconf import OmegaConf\nOmegaConf.register_new_resolver('up', str.upper)\n"
    app.write("train.py", resolver + script)
    assert app.train("+extra=hunter22", PW="hunter22", PORT="7").returncode == 0
    spool = app.read()
    params, _ = params_of(spool, Params())
    secrets = Secrets.gather({}, seen=spool.env, produced=spool.env_leaves)
    masked = secrets.mask_params(params)
    assert "hunter22" in repr(params)
    assert "hunter22" not in repr(masked).lower()
    assert masked.values["url2"] == masked.values["db.url"] == "pg://***@h"
    assert (masked.values["port"], masked.values["n"]) == ("***", 7)
    assert masked.hydra is not None
    assert masked.hydra.overrides == ("+extra=***",)


def test_each_leaf_is_resolved_once_and_random_numbers_stay(app: App) -> None:
    app.write("conf/config.yaml", "a: ${count:}\nb: [1, '${draw:}']\n")
    body = """import random
print(cfg.b[1], random.random(), open("calls").read())"""
    app.body(body)
    text = (app.folder / "train.py").read_text()
    resolvers = """\
import random
from omegaconf import OmegaConf
random.seed(7)
def count():
    with open("calls", "a") as f: f.write("x")
    return 1
OmegaConf.register_new_resolver("count", count)
OmegaConf.register_new_resolver("draw", random.random)
"""
    app.write("train.py", resolvers + text)
    done = app.train()
    assert done.returncode == 0, done.stderr
    drawn, following, calls = done.stdout.split()
    assert calls == "x"
    (app.folder / "calls").unlink()
    app.write("calls", "-")
    bare = app.bare(sys.executable, "train.py")
    assert bare.stdout.split()[:2] == [drawn, following]
    assert app.job().leaves["b"] == [1, float(drawn)]


def test_whole_parts_of_the_config_by_interpolation(app: App) -> None:
    app.write(
        "conf/config.yaml",
        """
        base: {a: 1, b: "${base.a}"}
        copy: ${base}
        list: ["${base}"]
        loop: {self: "${loop}"}
        ping: {to: "${pong}"}
        pong: {to: "${ping}"}
        """,
    )
    app.train()
    leaves = app.job().leaves
    assert (leaves["copy.b"], leaves["list.0.a"]) == (1, 1)
    assert leaves["ping.to.to"] == "${ping}"
    assert app.job().unresolved.keys() == {"loop.self", "ping.to.to", "pong.to.to"}


def test_values_json_has_no_form_for(app: App) -> None:
    app.write(
        "train.py",
        """
        import dataclasses, enum, pathlib, typing
        import hydra
        from hydra.core.config_store import ConfigStore
        from omegaconf import OmegaConf
        class Color(enum.Enum):
            RED = 1
        @dataclasses.dataclass
        class Config:
            color: Color = Color.RED
            path: pathlib.Path = pathlib.Path("/data")
            raw: bytes = b"ab\\xff"
            pair: typing.Tuple[int, int] = (1, 2)
            by_number: typing.Dict[int, float] = dataclasses.field(default_factory=lambda: {3: 0.5})
            made: typing.Any = "${np:}"
            nan: float = float("nan")
            tree: typing.Any = "${tree:}"
        def np():
            import numpy
            return numpy.float32(0.5)
        OmegaConf.register_new_resolver("np", np)
        OmegaConf.register_new_resolver("tree", lambda: {"x": [1, {"y": None}]})
        ConfigStore.instance().store(name="config", node=Config)
        @hydra.main(version_base=None, config_name="config")
        def main(cfg):
            pass
        main()
        """,
    )
    done = app.train()
    assert done.returncode == 0, done.stderr
    leaves = dict(app.job().leaves)
    assert str(leaves.pop("nan")) == "nan"
    assert leaves == {
        "color": "RED",
        "path": "/data",
        "raw": "ab\\xff",
        "pair": [1, 2],
        "by_number.3": 0.5,
        "made": 0.5,
        "tree.x.0": 1,
        "tree.x.1.y": None,
    }


@pytest.mark.parametrize(
    ("code", "values", "other"),
    [
        ("return None", {}, {}),
        ("return True", {"return_value": 1}, {}),
        ("return 0.9, 3", {"return_value.0": 0.9, "return_value.1": 3}, {}),
        ("return {'a': 1, 'b': {'c': [1.5]}}", {"a": 1, "b.c.0": 1.5}, {}),
        ("import numpy\nreturn numpy.float32(0.5)", {"return_value": 0.5}, {}),
        ("return float('inf')", {"return_value": float("inf")}, {}),
        ("return 'good'", {}, {"return_value": "str"}),
        ("return {'a': 1, 'b': 'x', 'c': object()}", {"a": 1}, {"b": "str", "c": "object"}),
        ("return cfg.sizes", {"return_value.0": 1, "return_value.1": 2, "return_value.2": 0.1}, {}),
    ],
)
def test_return_values(app: App, code: str, values: dict[str, Any], other: dict[str, str]) -> None:
    app.body(code)
    assert app.train().returncode == 0
    assert (app.job().values, app.job().other) == (values, other)


def test_the_config_as_it_was_before_the_task_changed_it(app: App) -> None:
    app.body("cfg.lr = 99\ncfg.db.pw = 'changed'\nreturn cfg.lr")
    app.train()
    assert app.job().leaves["lr"] == 0.1
    assert app.job().values == {"return_value": 99}


@pytest.mark.parametrize("code", ["import sys\nsys.exit(3)", "import os\nos._exit(3)"])
def test_a_job_that_never_ends(app: App, code: str) -> None:
    app.body(code)
    assert app.train().returncode == 3
    assert app.job().status is None


def test_an_app_behaves_the_same_when_the_spool_vanishes(app: App) -> None:
    app.body("import xgit\nxgit.log({'a': 1})\nprint(cfg.lr)\nreturn 1")
    app.spool.rmdir()
    done = app.train()
    assert (done.returncode, done.stdout) == (0, "0.1\n")
    assert len(done.stderr.splitlines()) == 1


def test_other_hydra_outside_a_run_gets_no_callback(app: App) -> None:
    done = app.bare(sys.executable, "train.py", "--cfg", "hydra", PYTHONPATH=str(INJECT))
    assert done.returncode == 0, done.stderr
    assert "xgit" not in done.stdout


# ---------------------------------------------------------------- sitecustomize


def test_another_sitecustomize_still_runs(app: App) -> None:
    app.write("site/sitecustomize.py", "import sys\nsys.stdout.write('theirs ')\nvalue = 7\n")
    path = f"{INJECT}{os.pathsep}{app.folder / 'site'}"
    code = "import sitecustomize; print(sitecustomize.value)"
    done = app.start(sys.executable, "-c", code, PYTHONPATH=path)
    assert (done.stdout, done.stderr) == ("theirs 7\n", "")
    assert len(app.read().pythons) == 1


@pytest.mark.parametrize("failure", ["raise ValueError('broken')", "import not_there"])
def test_a_failing_sitecustomize_fails_as_ever(app: App, failure: str) -> None:
    app.write("site/sitecustomize.py", failure)
    code = "print('went on')"
    bare = app.bare(sys.executable, "-c", code, PYTHONPATH=str(app.folder / "site"))
    path = f"{INJECT}{os.pathsep}{app.folder / 'site'}"
    done = app.start(sys.executable, "-c", code, PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (
        bare.returncode,
        bare.stdout,
        bare.stderr,
    )
    assert "Error in sitecustomize" in done.stderr
    assert len(app.read().pythons) == 1


def test_one_file_for_an_interpreter_and_its_path(app: App) -> None:
    for _ in range(2):
        app.start(sys.executable, "-c", "pass")
    (facts,) = app.read().pythons
    assert facts.executable == sys.executable
    assert (facts.version, facts.implementation) == (sys.version, "cpython")
    assert str(INJECT) not in facts.path
    assert any(entry.endswith("site-packages") for entry in facts.path)
    app.start(sys.executable, "-c", "pass", PYTHONPATH=f'{INJECT}{os.pathsep}/some/é"where')
    assert [len(p.path) - len(facts.path) for p in app.read().pythons] == [0, 1]
    assert '/some/é"where' in app.read().pythons[1].path


@pytest.mark.parametrize("flag", ["-S", "-I", "-E"])
def test_flags_that_switch_it_off(app: App, flag: str) -> None:
    assert app.start(sys.executable, flag, "-c", "print(1)").stdout == "1\n"
    assert list(app.spool.iterdir()) == []


def test_without_a_spool_it_does_nothing(app: App) -> None:
    code = "import sys; print([f for f in sys.meta_path if 'sitecustomize' in str(f)])"
    done = app.bare(sys.executable, "-c", code, PYTHONPATH=str(INJECT))
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_spool_that_cannot_be_written(app: App) -> None:
    done = app.start(sys.executable, "-c", "print(1)", XGIT_SPOOL=str(app.folder / "no" / "where"))
    assert (done.stdout, done.stderr) == ("1\n", "")


# ---------------------------------------------------------------- the rules of this code

FILES = sorted([*INJECT.rglob("*.py"), PACKAGE / "__init__.py"])
OWN = {"xgit_api", "xgit_ask", "xgit_hydra", "xgit_leaves", "xgit_spool", "xgit_values", "xgit"}


def _imports(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_python_3_8_and_stdlib_only(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    foreign = _imports(tree) - set(sys.stdlib_module_names) - OWN
    may_know_hydra = path.name in ("xgit_hydra.py", "xgit_leaves.py", "xgit_searchpath.py")
    assert foreign <= ({"hydra", "omegaconf"} if may_know_hydra else set())


def test_nothing_else_becomes_importable() -> None:
    fixed = {"sitecustomize", "hydra_plugins", "conf", "__init__", "__pycache__"}
    names = {path.stem for path in INJECT.iterdir() if not path.stem.startswith("xgit_")}
    assert names - fixed == set()


# ---------------------------------------------------------------- reading it back


def test_a_missing_spool_is_an_empty_one(tmp_path: Path) -> None:
    assert read_spool(tmp_path / "none") == Spool()


def test_lines_that_make_no_sense_are_counted(tmp_path: Path) -> None:
    good = {"event": "log", "time": 1.0, "step": None, "values": {"x": 1}}
    lines = [
        json.dumps(good),
        "not json",
        "[1]",
        "null",
        '"text"',
        "[" * 100_000,
        '{"event":' + "[" * 100_000,
        '{"event":"log"}',
        '{"event":"log","time":"now","values":{"x":1}}',
        '{"event":"log","time":1e999,"values":{"x":1}}',
        '{"event":"log","time":1,"values":{"x":"1"}}',
        '{"event":"log","time":1,"values":{"x":' + "9" * 5000 + "}}",
        '{"event":"hydra_end","status":"COMPLETED"}',
        '{"event":"hydra_start","time":1}',
        '{"event":"artifact","name":"../../etc/passwd","path":"/etc/passwd","stored":true}',
        '{"event":"figure","name":"/etc/passwd"}',
        '{"event":["log"]}',
        '{"event":"of a later version"}',
        json.dumps(good),
    ]
    data = "\n".join(lines).encode() + b"\n\xff\xfe\n" + b'{"event":"log","ti'
    (tmp_path / "events-a.jsonl").write_bytes(data)
    (tmp_path / "events-b.txt").write_text("foreign")
    (tmp_path / "events-link.jsonl").symlink_to("/etc/passwd")
    (tmp_path / "python-x.json").write_text("{")
    os.mkfifo(tmp_path / "events-fifo.jsonl")
    spool = read_spool(tmp_path)
    assert [point.value for point in spool.points] == [1, 1]
    assert (spool.notes, spool.pythons) == (("18 lines of events-a.jsonl could not be read",), ())


def test_a_huge_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xgit.capture.spool.untrusted.LONGEST_LINE_BYTES", 200)
    good = '{"event":"log","time":1,"values":{"x":1}}\n'
    (tmp_path / "events-a.jsonl").write_text(good + "x" * 5000 + "\n" + good)
    spool = read_spool(tmp_path)
    assert (len(spool.points), len(spool.notes)) == (2, 1)


def test_points_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xgit.capture.spool.reading.MOST_POINTS", 3)
    line = '{"event":"log","time":1,"values":{"x":1,"y":2}}\n'
    (tmp_path / "events-a.jsonl").write_text(line * 4)
    spool = read_spool(tmp_path)
    assert len(spool.points) == 3
    assert spool.notes == ("5 logged values were left out: one run keeps 3 points",)


def test_a_kept_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "a").symlink_to("/etc/passwd")
    event = {"event": "artifact", "name": "a", "path": "/nowhere", "stored": True}
    (tmp_path / "events-a.jsonl").write_text(json.dumps(event) + "\n")
    spool = read_spool(tmp_path)
    assert (spool.files, spool.artifacts) == ({}, ())
    assert spool.notes == ("artifact 'a' is no longer at /nowhere",)
