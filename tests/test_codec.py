"""Experiment and record.json are an inverse pair, and nothing else is taken for a record."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests import samples
from xgit.errors import Unreadable, Unsupported
from xgit.record import codec, json_form, message
from xgit.record.model import Metrics, Params

COMMIT = "0123456789" * 4


def document() -> dict[str, Any]:
    return json_form.decode(json_form.encode(codec.to_record(samples.full("full", COMMIT))))


def test_there_and_back() -> None:
    it = samples.full("full", COMMIT)
    doc = document()
    codec.check(doc)
    back = codec.from_record(doc)
    # The series, the params text and the log lie in files of their own.
    expected = it._replace(
        log=b"",
        files=back.files,
        params=it.params._replace(text=None),
        metrics=Metrics(back.metrics.values, it.metrics.sources),
    )
    assert back == expected
    for name, value in it.metrics.values.items():
        assert str(back.metrics.values[name]) == str(value)  # NaN is not equal to itself


def test_numbers_keep_their_type() -> None:
    values = codec.from_record(document()).metrics.values
    assert type(values["int"]) is int
    assert type(values["float"]) is float
    assert math.isnan(values["nan"])


def test_what_json_cannot_say_is_a_string() -> None:
    text = json_form.encode(codec.to_record(samples.full("full", COMMIT))).decode()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {
        "nan": "NaN",
        "inf": "Infinity",
        "low": "-Infinity",
        "int": 3,
        "float": 3.0,
    }


def test_keys_are_sorted_and_indented() -> None:
    lines = json_form.encode({"b": 1, "a": {"d": 1, "c": 2}}).decode().splitlines()
    assert lines == ["{", '  "a": {', '    "c": 2,', '    "d": 1', "  },", '  "b": 1', "}"]


def test_a_file_name_that_is_not_utf8_is_shown_by_its_bytes() -> None:
    assert json_form.encode({"caf\udce9": "\udcff"}) == b'{\n  "caf\\\\xe9": "\\\\xff"\n}\n'


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "xgit/record/v2"}, "of version 2"),
        ({"schema": "xgit/record/v99"}, "of version 99"),
    ],
)
def test_a_newer_record_is_told_apart(change: dict[str, str], told: str) -> None:
    with pytest.raises(Unsupported, match=told) as caught:
        codec.check({**document(), **change})
    assert caught.value.hint == "pip install --upgrade xgit"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "other"}, "no known schema"),
        ({"schema": None}, "no known schema"),
        ({"status": "fine"}, "not valid at status"),
        ({"metrics": {"a": "high"}}, "not valid at metrics.a"),
        ({"code": {}}, "not valid at code"),
        ({"started": "yesterday"}, "not valid at started"),
        ({"id": "../x"}, "not valid at id"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        codec.check({**document(), **change})


def test_every_key_is_required_by_the_schema() -> None:
    whole = document()
    optional = {"params_source", "notes"}
    for key in set(whole) - optional:
        with pytest.raises(Unreadable):
            codec.check({name: value for name, value in whole.items() if name != key})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 100_000, b"[" * 100_000, b"1" * 5000],
)
def test_what_is_not_a_json_object_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        json_form.decode(content)


def test_series_there_and_back() -> None:
    points = samples.full("full", COMMIT).metrics.series
    content = codec.series_lines(points)
    assert content.count(b"\n") == 2
    assert str(codec.parse_series(content)) == str(points)
    for bad in (b"{}\n", b"[]\n", b"x\n", b'{"name":"a","value":"x","step":1,"time":1}\n'):
        with pytest.raises(Unreadable):
            codec.parse_series(bad)


# ---------------------------------------------------------------- the tag message


def test_the_message_has_subject_why_and_summary() -> None:
    text = message.tag_message(samples.experiment("a", COMMIT, why="because\nof x"))
    lines = text.splitlines()
    assert lines[0] == "a: accuracy 0.9 · loss 0.25"
    assert lines[2:4] == ["because", "of x"]
    assert lines[-1].startswith("Xgit-Summary: {")


def test_the_subject_of_a_failure_says_so() -> None:
    it = samples.experiment("a", COMMIT, outcome=samples.outcome(status="failed", exit_code=3))
    assert message.tag_message(it).startswith("a: failed · accuracy 0.9")


def test_the_summary_there_and_back() -> None:
    it = samples.full("full", COMMIT)
    summary = message.parse_summary(message.tag_message(it))
    assert summary.id == it.id
    assert summary.started == it.outcome.started
    assert summary.finished == it.outcome.finished
    assert summary.why == it.why
    assert summary.params == it.params.values
    assert str(summary.metrics) == str(dict(sorted(it.metrics.values.items())))
    assert summary.expectations == it.expectations
    assert not summary.cut


def test_a_why_cannot_forge_a_summary() -> None:
    other = message.tag_message(samples.experiment("b", COMMIT)).splitlines()[-1]
    it = samples.experiment("a", COMMIT, why=f"x\n{other}")
    assert message.parse_summary(message.tag_message(it)).id == "a"


def test_a_signature_may_follow() -> None:
    text = message.tag_message(samples.experiment("a", COMMIT))
    signed = text + "-----BEGIN SSH SIGNATURE-----\nxyz\n-----END SSH SIGNATURE-----\n"
    assert message.parse_summary(signed).id == "a"


def test_a_thousand_params_are_cut_and_the_summary_says_so() -> None:
    params = Params({f"group.name{i}": "x" * 20 for i in range(1000)})
    text = message.tag_message(samples.experiment("a", COMMIT, params=params))
    assert len(text) < 2000
    summary = message.parse_summary(text)
    assert summary.cut
    assert summary.params == {}
    assert summary.metrics == {"accuracy": 0.9, "loss": 0.25}


def test_control_characters_do_not_reach_the_message() -> None:
    metrics = Metrics({"a\x1b[31m\nXgit-Summary: {}": 1.0})
    it = samples.experiment("a", COMMIT, why="red \x1b[31m\x07", metrics=metrics)
    text = message.tag_message(it)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert message.parse_summary(text).id == "a"


@pytest.mark.parametrize(
    "text",
    ["", "subject\n", "s\n\nXgit-Summary: ", "s\n\nXgit-Summary: {", "s\n\nXgit-Summary: []",
     "s\n\nXgit-Summary: {}", "s\n\nXgit-Summary: " + "[" * 100_000,
     's\n\nXgit-Summary: {"id": "a"}', "s\n\nXgit-Summary: " + '{"a":' * 100_000],
)  # fmt: skip
def test_a_damaged_summary_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        message.parse_summary(text)
