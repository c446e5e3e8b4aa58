"""Where the parameters come from."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from xgit.capture.params.reading import file_params, hydra_params, params_of
from xgit.capture.spool.nouns import HydraJob, Spool
from xgit.errors import XgitError
from xgit.record.model import Params

JOB = HydraJob(
    num=None,
    mode="RUN",
    config_name="config",
    overrides=("lr=0.1", "seed=1"),
    choices={"model": "svm"},
    output_dir="/out/0",
    cwd="/repo",
    text="lr: 0.1\n",
    leaves={"lr": 0.1, "seed": 1, "flag": True},
    raw={},
    unresolved={},
    env={},
    env_leaves={},
    started=1.0,
)


def refused(root: Path, text: str | bytes) -> XgitError:
    data = text if isinstance(text, bytes) else text.encode()
    (root / "params.yaml").write_bytes(data)
    with pytest.raises(XgitError) as caught:
        file_params(root, root)
    return caught.value


def test_leaves_of_a_params_file(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        """\
# the model
train: {lr: 1e-3, epochs: 10, wide: yes, on: true, at: 1:30}
layers: [{n: 1}, {n: 2}]
sizes: [1, 2.5, x]
when: 2026-01-02
moment: 2026-01-02 03:04:05
nothing:
empty: []
none: {}
nan: .nan
3: three
defaults: &d {a: 1, b: 2}
own: {<<: *d, b: 3}
""",
        encoding="utf-8",
    )
    params = file_params(tmp_path, tmp_path)
    values = dict(params.values)
    assert math.isnan(values.pop("nan"))
    assert values == {
        "train.lr": 0.001,
        "train.epochs": 10,
        "train.wide": "yes",
        "train.on": True,
        "train.at": "1:30",
        "layers.0.n": 1,
        "layers.1.n": 2,
        "sizes": [1, 2.5, "x"],
        "when": "2026-01-02",
        "moment": "2026-01-02T03:04:05",
        "nothing": None,
        "empty": [],
        "3": "three",
        "defaults.a": 1,
        "defaults.b": 2,
        "own.a": 1,
        "own.b": 3,
    }
    assert (params.source, params.hydra) == ("params.yaml", None)
    assert params.text is not None
    assert params.text.startswith("# the model\n")


def test_the_file_nearest_to_the_command_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert file_params(tmp_path, tmp_path / "sub") == Params()
    (tmp_path / "params.yaml").write_text("a: 1")
    assert file_params(tmp_path, tmp_path / "sub").values == {"a": 1}
    (tmp_path / "sub" / "params.yaml").write_text("a: 2")
    params = file_params(tmp_path, tmp_path / "sub")
    assert (params.values, params.source) == ({"a": 2}, "sub/params.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n"])
def test_an_empty_file_has_no_leaves(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    assert file_params(tmp_path, tmp_path).values == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1,\nc: 2\n", "line 4"),
        ("a: 1\n\tb: 2\n", "line 2"),
        ("a: *nope\n", "line 1"),
        ("- 1\n- 2\n", "no mapping"),
        ("just text\n", "no mapping"),
        ("a: !!python/object/apply:os.system [ls]\nb: !mine x\n", "line 2"),
        ("a: !!int nope\n", "line 1"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        (b"a: 1\nb: \xff\n", "line 2 is not UTF-8"),
        ("a: &a [*a]\n", "deeper"),
        ("a: " + "[" * 200 + "]" * 200, "deep"),
        ("a: " + "[" * 100_000, "params.yaml"),
        ("a: " + "{a: " * 100_000, "params.yaml"),
        ("a: 2026-99-99\n", "line 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    error = refused(tmp_path, text)
    assert error.message.startswith("params.yaml")
    assert said in error.message
    assert error.hint is not None


@pytest.mark.parametrize("kind", ["aliases", "merges"])
def test_a_bomb_is_refused(tmp_path: Path, kind: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for n in range(1, 30):
        refs = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(
            f"a{n}: &a{n} " + ("[" + refs + "]" if kind == "aliases" else f"{{<<: [{refs}]}}")
        )
    assert "more than" in refused(tmp_path, "\n".join(lines)).message


def test_one_hydra_job() -> None:
    params = hydra_params(Spool(jobs=(JOB,)))
    assert params is not None
    assert params.hydra is not None
    assert (params.values, params.text, params.source) == (JOB.leaves, JOB.text, "hydra")
    assert params.hydra.overrides == ("lr=0.1", "seed=1")
    assert (params.hydra.config_name, params.hydra.output_dir) == ("config", "/out/0")
    assert params_of(Spool(jobs=(JOB,)), Params(source="params.yaml")) == (params, ())


def test_a_sweep_keeps_what_its_jobs_share() -> None:
    other = replace(
        JOB,
        overrides=("lr=0.2", "seed=1"),
        leaves={"lr": 0.2, "seed": 1, "flag": 1, "more": None},
        text="lr: 0.2\n",
        output_dir="/out/1",
    )
    params, notes = params_of(Spool(jobs=(JOB, other)), Params())
    assert params.hydra is not None
    assert (params.values, params.text) == ({"seed": 1}, None)
    assert (params.hydra.overrides, params.hydra.output_dir) == (("seed=1",), None)
    assert params.hydra.choices == {"model": "svm"}
    assert notes == ("2 Hydra jobs were recorded as one experiment: flag, lr, more varied",)


def test_unresolved_leaves_are_told() -> None:
    job = replace(JOB, unresolved={f"x{n}": "KeyError: no" for n in range(12)})
    _, notes = params_of(Spool(jobs=(job,)), Params())
    assert len(notes) == 11
    assert notes[0] == "params: x0 could not be resolved and is kept as written (KeyError: no)"


def test_without_hydra_the_file_counts() -> None:
    fallback = Params(values={"a": 1}, source="params.yaml")
    assert params_of(Spool(), fallback) == (fallback, ())
    params, notes = params_of(Spool(hydra_seen=True), fallback)
    assert params == fallback
    assert "did not arrive" in notes[0]
