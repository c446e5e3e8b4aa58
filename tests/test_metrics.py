from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from xgit.capture.documents import BadDocument, TooLong, parse_yaml, read_document
from xgit.capture.metrics import merging as metrics
from xgit.capture.metrics.files import MetricFiles, dvc_metric_paths, find_csv
from xgit.capture.metrics.formats import Reading, metric_name, read_metrics
from xgit.capture.spool.reading import HydraJob, Spool
from xgit.record.model import Point


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def job(num: int | None = None, output_dir: str | None = None, **values: Any) -> HydraJob:
    other = values.pop("other", {})
    return HydraJob(
        num=num,
        mode=None,
        config_name=None,
        overrides=(),
        choices={},
        output_dir=output_dir,
        cwd=None,
        text=None,
        leaves={},
        raw={},
        unresolved={},
        env={},
        env_leaves={},
        started=0.0,
        values=values,
        other=other,
    )


# ---------------------------------------------------------------- which files count


def before(root: Path, *, cwd: Path | None = None, **more: Any) -> MetricFiles:
    return MetricFiles.before(root, cwd or root, **more)


def sources(readings: tuple[Reading, ...]) -> list[str]:
    return [reading.source for reading in readings]


def test_a_file_of_an_older_run_is_not_this_runs(tmp_path: Path) -> None:
    write(tmp_path / "metrics.json", '{"acc": 0.1}')
    files = before(tmp_path)
    assert files.read_changed() == ()


def test_a_file_that_appears_is_read(tmp_path: Path) -> None:
    files = before(tmp_path)
    write(tmp_path / "metrics.json", '{"acc": 0.9}')
    (reading,) = files.read_changed()
    assert reading == Reading("metrics.json", {"acc": 0.9})


def test_a_file_rewritten_with_the_same_content_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.json", '{"acc": 0.9}')
    os.utime(path, ns=(1, 1))
    files = before(tmp_path)
    write(path, '{"acc": 0.9}')
    assert sources(files.read_changed()) == ["metrics.json"]


def test_a_file_replaced_with_its_time_kept_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.json", '{"acc": 0.8}')
    os.utime(path, ns=(1, 1))
    files = before(tmp_path)
    other = write(tmp_path / "new", '{"acc": 0.9}')
    os.utime(other, ns=(1, 1))
    other.replace(path)
    assert sources(files.read_changed()) == ["metrics.json"]


def test_the_order_is_settings_dvc_convention_then_output_dirs(tmp_path: Path) -> None:
    files = before(
        tmp_path, cwd=tmp_path / "sub", settings_metrics=["own.yaml"], dvc_metrics=["dvc.toml"]
    )
    write(tmp_path / "out/metrics.json", '{"a": 1}')
    write(tmp_path / "metrics.json", '{"a": 2}')
    write(tmp_path / "sub/metrics.json", '{"a": 3}')
    write(tmp_path / "dvclive/metrics.json", '{"a": 4}')
    write(tmp_path / "dvc.toml", "a = 5")
    write(tmp_path / "own.yaml", "a: 6")
    readings = files.read_changed({"": str(tmp_path / "out")})
    assert sources(readings) == [
        *("own.yaml", "dvc.toml", "sub/metrics.json", "metrics.json", "dvclive/metrics.json"),
        "out/metrics.json",
    ]
    assert metrics.merge(Spool(), readings).sources == {"a": "own.yaml"}


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    files = before(tmp_path, settings_metrics=["./metrics.json"], dvc_metrics=["x/../metrics.json"])
    write(tmp_path / "metrics.json", '{"a": 2}')
    assert sources(files.read_changed({"": str(tmp_path)})) == ["metrics.json"]


def test_an_old_file_in_an_output_dir_is_not_this_runs(tmp_path: Path) -> None:
    write(tmp_path / "out/metrics.json", '{"acc": 0.1}')
    write(tmp_path / "out/a/metrics.csv", "step,loss\n1,2\n")
    time.sleep(0.02)  # the kernel's clock for files ticks every few milliseconds
    files = before(tmp_path)
    stale = tmp_path / "out/metrics.json"
    os.utime(tmp_path / "out/a/metrics.csv", ns=(1, 1))  # written now, whatever it claims
    assert stale.exists()
    assert sources(files.read_changed({"": str(tmp_path / "out")})) == ["out/a/metrics.csv"]


def test_an_output_dir_outside_the_repository_is_named_absolutely(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    files = before(root)
    path = write(tmp_path / "elsewhere/metrics.json", '{"acc": 0.1}')
    assert sources(files.read_changed({"": str(path.parent)})) == [str(path)]


def test_files_of_several_jobs_are_told_apart(tmp_path: Path) -> None:
    files = before(tmp_path)
    write(tmp_path / "out/0/metrics.csv", "step,loss\n1,0.5\n")
    write(tmp_path / "out/1/metrics.json", '{"loss": 0.25}')
    jobs = (job(0, str(tmp_path / "out/0")), job(1, str(tmp_path / "out/1")))
    readings = files.read_changed(metrics.output_dirs(jobs))
    merged = metrics.merge(Spool(jobs=jobs), readings)
    assert merged.values == {"job0/loss": 0.5, "job1/loss": 0.25}
    assert [point.name for point in merged.series] == ["job0/loss"]


def test_new_lightning_logs_are_read_and_old_ones_are_not(tmp_path: Path) -> None:
    write(tmp_path / "lightning_logs/version_0/metrics.csv", "step,loss\n0,9\n")
    files = before(tmp_path)
    write(tmp_path / "lightning_logs/version_1/metrics.csv", "step,loss\n0,1\n")
    assert sources(files.read_changed()) == ["lightning_logs/version_1/metrics.csv"]


def test_tables_are_found_to_a_depth_and_never_in_caches(tmp_path: Path) -> None:
    for folder in ("a/b/c/d", "version_10", "version_9", ".git", ".dvc/cache", "venv", "a/env/lib"):
        write(tmp_path / folder / "metrics.csv", "step\n")
    write(tmp_path / "a/b/c/d/e/metrics.csv", "step\n")
    write(tmp_path / "a/env/pyvenv.cfg", "")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(path.parent.relative_to(tmp_path)) for path in find_csv(tmp_path)]
    assert found == ["a/b/c/d", "version_9", "version_10"]


def test_many_tables_are_cut_with_a_note(tmp_path: Path) -> None:
    files = before(tmp_path)
    for number in range(53):
        write(tmp_path / f"out/{number}/metrics.csv", f"step,m{number}\n0,1\n")
    readings = files.read_changed({"": str(tmp_path / "out")})
    assert len(readings) == 51
    assert readings[-1].notes == ("3 more metrics.csv files were not read",)


def test_an_output_dir_that_is_the_repository_is_not_walked(tmp_path: Path) -> None:
    files = before(tmp_path)
    write(tmp_path / "data/metrics.csv", "step,a\n0,1\n")
    write(tmp_path / "metrics.json", '{"a": 2}')
    assert sources(files.read_changed({"": str(tmp_path)})) == ["metrics.json"]


def test_a_record_in_the_work_tree_is_no_metric_file(tmp_path: Path) -> None:
    files = before(tmp_path, dvc_metrics=[".xgit/metrics.json"])
    write(tmp_path / ".xgit/metrics.json", '{"a": 2}')
    assert files.read_changed() == ()


def test_a_fifo_a_folder_and_a_missing_file_do_no_harm(tmp_path: Path) -> None:
    files = before(tmp_path, settings_metrics=["pipe.json", "folder.json", "none.json"])
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (reading,) = files.read_changed()
    assert reading.notes == ("pipe.json was not read: it is not a regular file",)


def test_an_unreadable_file_is_a_note(tmp_path: Path) -> None:
    loop = tmp_path / "m.json"
    loop.symlink_to(loop)  # unreadable for root, too
    note = f"m.json was not read: {os.strerror(errno.ELOOP)}"
    assert read_metrics(loop, "m.json").notes == (note,)


def test_a_path_with_a_newline_is_shown_on_one_line(tmp_path: Path) -> None:
    files = before(tmp_path, settings_metrics=["a\nb.json"])
    write(tmp_path / "a\nb.json", '{"a": 2}')
    assert sources(files.read_changed()) == [r"a\nb.json"]


# ---------------------------------------------------------------- dvc.yaml


def test_metrics_of_a_dvc_yaml_at_the_top_and_in_stages(tmp_path: Path) -> None:
    text = """
metrics:
  - top.json
  - other.json:
      cache: false
  - 3
stages:
  train:
    cmd: python train.py
    metrics:
      - scores.json:
          cache: false
  eval:
    wdir: ../eval
    metrics: {e.yaml: {cache: false}}
  each:
    foreach: [1]
    do: {metrics: [x.json]}
  templated:
    metrics: ["${item}.json"]
"""
    write(tmp_path / "sub/dvc.yaml", text)
    paths, notes = dvc_metric_paths(tmp_path, ["sub/dvc.yaml", "gone/dvc.yaml"])
    assert paths == ("sub/top.json", "sub/other.json", "sub/scores.json", "eval/e.yaml")
    assert notes == ()


def test_a_dvc_yaml_that_is_not_yaml_is_a_note(tmp_path: Path) -> None:
    write(tmp_path / "dvc.yaml", "metrics: [")
    paths, notes = dvc_metric_paths(tmp_path, ["dvc.yaml"])
    assert paths == ()
    assert notes[0].startswith("metrics named in dvc.yaml were not looked for: it is not valid")


@pytest.mark.parametrize(
    "text", ["metrics", "[metrics]", "metrics: 3", "stages: [metrics]", "metrics:"]
)
def test_a_dvc_yaml_of_another_shape_names_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path / "dvc.yaml", text)
    assert dvc_metric_paths(tmp_path, ["dvc.yaml"]) == ((), ())


# ---------------------------------------------------------------- what a file says


def read(tmp_path: Path, name: str, content: str | bytes) -> Reading:
    return read_metrics(write(tmp_path / name, content), name)


def test_nested_numbers_keep_their_type(tmp_path: Path) -> None:
    text = '{"val": {"acc": 0.5, "n": 3, "ok": true}, "loss": 1e-3}'
    values = read(tmp_path, "m.json", text).values
    assert values == {"val.acc": 0.5, "val.n": 3, "val.ok": 1, "loss": 0.001}
    assert [type(value) for value in values.values()] == [float, int, int, float]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e400}'),
        ("m.yaml", "a: .nan\nb: .inf\nc: -.inf\nd: 1e400\n"),
        ("m.toml", "a = nan\nb = inf\nc = -inf\nd = 1e400\n"),
    ],
)
def test_what_is_not_finite_is_a_float(tmp_path: Path, name: str, text: str) -> None:
    values = read(tmp_path, name, text).values
    assert math.isnan(values["a"])
    assert [values[key] for key in "bcd"] == [math.inf, -math.inf, math.inf]


def test_what_is_no_number_is_left_out_with_a_note(tmp_path: Path) -> None:
    reading = read(tmp_path, "m.json", '{"a": "x", "b": {"c": null}, "d": [1], "e": 1}')
    assert reading.values == {"e": 1}
    assert reading.notes == (
        "m.json: a was left out, it is text",
        "m.json: b.c was left out, it is empty",
        "m.json: d was left out, it is a list",
    )


def test_a_file_full_of_text_makes_few_notes(tmp_path: Path) -> None:
    reading = read(tmp_path, "m.json", json.dumps({f"k{n}": "text" for n in range(100)}))
    assert len(reading.notes) == 6
    assert reading.notes[-1] == "m.json: 95 more values were left out"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.json", "[1, 2]", "it holds no names with values"),
        ("m.json", "0.5", "it holds no names with values"),
        ("m.json", "", "it is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        ("m.json", '{"a": 1', "it is not valid JSON"),
        ("m.json", '{"a":' * 100_000, "it is nested too deeply"),
        ("m.json", "[" * 100_000, "it is nested too deeply"),
        ("m.json", '{"a":' * 150 + "1" + "}" * 150, "it is nested too deeply"),
        ("m.json", b'{"a": "\xff"}', "it is not UTF-8"),
        ("m.yaml", "a: [", "it is not valid YAML"),
        ("m.yaml", "", "it holds no names with values"),
        ("m.yaml", "{a: " * 100_000, "it is not valid YAML: nested deeper"),
        ("m.yaml", "- " * 100_000, "it is not valid YAML: nested deeper"),
        ("m.yaml", "a: &a {b: *a}", "it is nested too deeply"),
        ("m.yaml", "a: 1\n" * 300_000, "it is larger than 1024 KiB"),
        ("m.toml", "a =", "it is not valid TOML"),
        ("m.toml", "a = " + "[" * 100_000, "it is nested too deeply"),
        ("m.csv", "a,b\n1,2\n", "it has no column step or epoch"),
        ("m.csv", "", "it has no column step or epoch"),
        ("m.csv", "step,a\n0," + "9" * 200_000, "it is not valid CSV"),
        ("m.txt", "a: 1", "it is none of .json, .yaml, .yml, .toml"),
    ],
)
def test_a_bad_file_is_one_note(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    reading = read(tmp_path, name, content)
    assert reading.values == {}
    assert len(reading.notes) == 1
    assert reading.notes[0].startswith(f"{name} was not read: {said}")


def test_a_file_of_100_megabytes_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert read_metrics(path, "m").notes == ("m was not read: it is larger than 16384 KiB",)


def test_aliases_cannot_multiply_without_end(tmp_path: Path) -> None:
    ten = [", ".join(f"k{key}: *l{level}" for key in range(10)) for level in range(11)]
    levels = [f"l{level + 1}: &l{level + 1} {{{inside}}}" for level, inside in enumerate(ten)]
    reading = read(tmp_path, "m.yaml", "\n".join(["l0: &l0 {}", *levels]))
    assert reading.notes == ("m.yaml was not read: it has too many entries",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"a": ' + "9" * 5000 + ', "b": 1}'),
        ("m.yaml", "a: " + "9" * 5000 + "\nb: 1\n"),
        ("m.toml", "a = 0x" + "f" * 5000 + "\nb = 1\n"),
    ],
)
def test_a_number_of_too_many_digits_is_left_out(tmp_path: Path, name: str, text: str) -> None:
    reading = read(tmp_path, name, text)
    assert reading.values == {"b": 1}
    assert reading.notes == (f"{name}: a was left out, it has more than 4300 digits",)


def test_yaml_is_read_as_version_1_2() -> None:
    text = "a: 1e-3\nb: 12:30\nc: yes\nd: 010\ne: 0x1F\nf: ~\ng: True\nh: '1'\ni: 2001-01-01\n"
    expected = (0.001, "12:30", "yes", 10, 31, None, True, "1", "2001-01-01")
    assert parse_yaml(text) == dict(zip("abcdefghi", expected, strict=True))
    assert isinstance(parse_yaml("9" * 5000), TooLong)


def test_yaml_tags_build_nothing() -> None:
    assert parse_yaml("!!python/object/apply:os.system ['true']") == ["true"]
    assert parse_yaml("a: !!timestamp x") == {"a": "x"}


@pytest.mark.parametrize(
    "text", ["*a", "{[1]: 2}", "{{}: 2}", "\0", "a\n---\nb", "\ud800", "[", "a: b: c"]
)
def test_yaml_that_cannot_be_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(BadDocument, match=r"it is not valid YAML: [^\n]+$"):
        parse_yaml(text)


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    assert read_document(write(tmp_path / "m.json", b'\xef\xbb\xbf{"a": 1}')) == {"a": 1}


def test_a_lightning_table_is_a_series_with_its_last_values(tmp_path: Path) -> None:
    table = "epoch,step,train_loss,val_acc,name\n0,9,0.5,,x\n0,9,,0.75,\n1,19,nan,,\n1,19,,7\n"
    reading = read(tmp_path, "m.csv", table)
    assert math.isnan(reading.values["train_loss"])
    assert reading.values["val_acc"] == 7
    assert [(p.name, p.step) for p in reading.points] == [
        *(("train_loss", 9), ("val_acc", 9), ("train_loss", 19), ("val_acc", 19)),
    ]
    assert reading.points[0].time == (tmp_path / "m.csv").stat().st_mtime
    assert reading.notes == ("m.csv: values of name that are not numbers were left out",)


def test_a_long_table_keeps_its_last_value(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n}\n" for n in range(100_003))
    reading = read(tmp_path, "m.csv", "epoch,loss\n" + rows)
    assert reading.values == {"loss": 100_002}
    assert len(reading.points) == 100_000
    assert reading.notes == ("m.csv: of its series only the first 100,000 points were kept",)


def test_names_are_bounded_and_on_one_line() -> None:
    assert metric_name("val/acc") == "val/acc"
    assert metric_name("a\x1b[31m\n") == r"a\x1b[31m\n"
    assert metric_name("x" * 201) == "x" * 199 + "…"
    assert len(metric_name("\x00" * 100_000)) == 200


def test_a_huge_key_does_not_multiply(tmp_path: Path) -> None:
    text = json.dumps({"k" * 1_000_000: {str(n): n for n in range(50_000)}})
    assert set(read(tmp_path, "m.json", text).values) == {"k" * 199 + "…"}


# ---------------------------------------------------------------- merging


def test_the_most_explicit_source_wins() -> None:
    points = (Point("b", 1, 1, 2.0), Point("b", 2, 0, 1.0), Point("a", 1, 1, 1.0))
    spool = Spool(points=points, summary={"a": 10}, jobs=(job(None, a=30, b=30, c=30),))
    readings = [
        Reading("one.json", dict.fromkeys("abcd", 40), notes=("n",)),
        Reading("two.json", dict.fromkeys("abcde", 50)),
    ]
    merged = metrics.merge(spool, readings)
    assert merged.values == {"a": 10, "b": 1, "c": 30, "d": 40, "e": 50}
    expected = ("xgit.summary", "xgit.log", "hydra return value", "one.json", "two.json")
    assert merged.sources == dict(zip("abcde", expected, strict=True))
    assert merged.notes == ("n",)
    assert [point.time for point in merged.series] == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("numbers", "prefixes"),
    [
        ((None,), ("",)),
        ((0,), ("",)),
        ((2, 5), ("job2/", "job5/")),
        ((None, None), ("job0/", "job1/")),
    ],
)
def test_values_of_several_jobs(numbers: tuple[int | None, ...], prefixes: tuple[str, ...]) -> None:
    jobs = tuple(job(number, acc=at) for at, number in enumerate(numbers))
    merged = metrics.merge(Spool(jobs=jobs), [])
    assert merged.values == {f"{prefix}acc": at for at, prefix in enumerate(prefixes)}


def test_a_returned_text_is_a_note() -> None:
    merged = metrics.merge(Spool(jobs=(job(other={"model": "str"}),)), [])
    assert merged.notes == ("hydra return value: model was left out, it is of type str",)


def test_names_are_bounded_in_number() -> None:
    many: Mapping[str, int] = {f"m{n}": n for n in range(10_003)}
    merged = metrics.merge(Spool(summary=many), [])
    assert len(merged.values) == 10_000
    assert merged.notes == ("3 metrics were left out: without a name, or too many",)


def test_hostile_names_are_the_same_in_values_and_series() -> None:
    merged = metrics.merge(Spool(points=(Point("a\nb", 1, 0, 1.0), Point("", 1, 0, 1.0))), [])
    assert merged.values == {r"a\nb": 1}
    assert [point.name for point in merged.series] == [r"a\nb"]
