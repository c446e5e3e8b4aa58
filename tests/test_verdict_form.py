"""A verdict and its JSON, tag message and page: inverse pairs, bounded, harmless to read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.verdict_samples import TAG, full_verdict, verdict
from xgit.errors import Unreadable, Unsupported, XgitError
from xgit.record import json_form, refs, schemas, verdict_codec
from xgit.record.verdict import MetricVerdict, OutputVerdict, Suspect, Verdict
from xgit.record.verdict_message import parse_verdict, verdict_message
from xgit.record.verdict_page import verdict_page


def document() -> dict[str, Any]:
    written = json_form.encode(verdict_codec.to_document(full_verdict()))
    return json_form.decode(written, verdict_codec.FILE)


# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize("it", [verdict(), full_verdict()], ids=["small", "full"])
def test_there_and_back(it: Verdict) -> None:
    doc = json_form.decode(json_form.encode(verdict_codec.to_document(it)))
    schemas.check(doc, "verdict")
    assert str(verdict_codec.from_document(doc)) == str(it)  # NaN is not equal to itself


def test_every_key_is_required_by_the_schema() -> None:
    whole = document()
    for key in whole:
        with pytest.raises(Unreadable):
            schemas.check({k: v for k, v in whole.items() if k != key}, "verdict")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "xgit/record/v1"}, "no known schema"),
        ({"schema": "xgit/verdict/v²"}, "no known schema"),
        ({"schema": "xgit/verdict/v" + "9" * 5000}, "no known schema"),
        ({"result": "fine"}, "not valid at result"),
        ({"of": "../x"}, "not valid at of"),
        ({"tag": "main"}, "not valid at tag"),
        ({"metrics": {"a": 1}}, r"not valid at metrics\.a"),
        ({"finished": "yesterday"}, "not valid at finished"),
        ({"suspects": [{}]}, r"not valid at suspects\.0"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        schemas.check({**document(), **change}, "verdict")


def test_a_newer_one_is_told_apart() -> None:
    with pytest.raises(Unsupported, match="the verdict is of version 2") as caught:
        schemas.check({**document(), "schema": "xgit/verdict/v2"}, "verdict")
    assert caught.value.hint == "pip install --upgrade xgit"


def test_keys_of_later_versions_are_passed_over() -> None:
    doc = document()
    doc["later"] = 1
    doc["manner"]["later"] = 1
    schemas.check(doc, "verdict")
    assert verdict_codec.from_document(doc).of == "a"


def test_a_time_that_cannot_be_is_unreadable() -> None:
    doc = {**document(), "finished": "2026-02-31T00:00:00.000000Z"}
    schemas.check(doc, "verdict")
    with pytest.raises(Unreadable, match="makes no sense"):
        verdict_codec.from_document(doc)


# ---------------------------------------------------------------- the tag message


def test_the_subject_says_what_it_came_to() -> None:
    assert verdict_message(verdict(), 1).startswith("a reproduced: identical · accuracy 0.9\n\n")
    metric = MetricVerdict("accuracy", "different", 0.973, (0.951,))
    other = verdict(result="different", metrics=(*verdict().metrics, metric))
    subject = verdict_message(other, 1).splitlines()[0]
    assert subject == "a not reproduced: different · accuracy 0.973 → 0.951 · accuracy 0.9"
    failed = verdict(result="failed", step="data", reason="the object is gone", metrics=())
    assert verdict_message(failed, 1).splitlines()[:3] == [
        "a not reproduced: failed at data", "", "the object is gone"
    ]  # fmt: skip


def test_the_lines_name_what_differs_and_the_suspects() -> None:
    text = verdict_message(full_verdict(), 1)
    assert "metric loss: 0.25 → 0.5" in text.replace("metric loss 0.25", "metric loss: 0.25")
    assert "output plots/roc.png: missing" in text
    assert "suspect data: data/a.csv md5:abc → md5:def" in text
    assert "suspect randomness: nothing differs\n" in text


def test_the_summary_there_and_back() -> None:
    for it in (verdict(), full_verdict()):
        found = parse_verdict(verdict_message(it, 12))
        assert (found.of, found.number, found.tag, found.result) == ("a", 12, TAG, it.result)
        assert (found.finished, found.by) == (it.finished, it.by.name)
        assert (found.step, found.reason) == (it.step, it.reason)
        assert (found.hermetic, found.environment) == (it.manner.hermetic, it.manner.environment)
        assert found.reproduced == it.reproduced


def test_a_reason_cannot_forge_a_summary_and_a_signature_may_follow() -> None:
    other = verdict_message(verdict(of="b"), 1).splitlines()[-1]
    text = verdict_message(verdict(result="failed", reason=f"x\n{other}\n\n{other}"), 1)
    assert parse_verdict(text).of == "a"
    signed = text + "-----BEGIN SSH SIGNATURE-----\nxyz\n-----END SSH SIGNATURE-----\n"
    assert parse_verdict(signed).of == "a"


def huge() -> Verdict:
    many = range(5000)
    return verdict(
        result="different",
        reason="x" * 100_000,
        metrics=tuple(MetricVerdict(f"m{i}", "different", 1.0, (2.0,)) for i in many),
        outputs=tuple(OutputVerdict(f"o{i}", "different", "sha256:a", ("sha256:b",)) for i in many),
        suspects=tuple(Suspect("environment", f"p{i}", "1", "2") for i in many),
    )


def test_message_and_page_are_bounded() -> None:
    text = verdict_message(huge(), 1)
    assert len(text) < 8000
    assert "and 4980 more" in text
    assert len(parse_verdict(text).reason or "") == 500
    page = verdict_page(huge())
    assert len(page.splitlines()) < 700
    assert "4800 more are in [verdict.json](verdict.json)." in page


@pytest.mark.parametrize(
    "text",
    ["", "subject\n", "s\n\nXgit-Verdict: ", "s\n\nXgit-Verdict: {", "s\n\nXgit-Verdict: []",
     's\n\nXgit-Verdict: "x"', "s\n\nXgit-Verdict: {}", "s\n\nXgit-Verdict: 7",
     "s\n\nXgit-Verdict: " + "[" * 100_000, "s\n\nXgit-Verdict: " + '{"a":' * 100_000],
)  # fmt: skip
def test_a_damaged_summary_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_verdict(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [("number", True), ("number", "1"), ("number", 1.5), ("result", "fine"), ("step", "x"),
     ("by", None), ("finished", "now"), ("finished", "2026-01-01T00:00:00"), ("hermetic", 1)],
)  # fmt: skip
def test_a_summary_of_other_types_is_unreadable(key: str, value: object) -> None:
    head, mark, line = verdict_message(verdict(), 1).rpartition("Xgit-Verdict: ")
    text = head + mark + json.dumps({**json.loads(line), key: value})
    with pytest.raises(Unreadable, match="damaged"):
        parse_verdict(text)


# ---------------------------------------------------------------- the page


def test_the_page_tells_all_and_runs_nothing() -> None:
    page = verdict_page(full_verdict())
    assert page.startswith("# a: different at run\n")
    for part in ("## Metrics", "## Outputs", "## Suspects", "## How it was made", "## Notes"):
        assert part in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "| m|x" not in page
    assert "0 … 1.5 (--repeat)" in page
    assert "rtol 0.001 (--rtol)" in page
    assert "ignored (settings)" in page


def test_the_page_of_an_identical_one_accuses_nobody() -> None:
    page = verdict_page(verdict(suspects=(Suspect("hardware", "cpu", "Xeon", "EPYC"),)))
    assert "## Suspects" not in page
    assert "## What else was different" in page


# ---------------------------------------------------------------- refs


@pytest.mark.parametrize(("one", "number"), [("a", 1), ("20261123-201502-k3f9", 12), ("s.3", 999)])
def test_refs_are_an_inverse_pair(one: str, number: int) -> None:
    ref = refs.format_verdict_ref(one, number)
    assert ref == f"refs/tags/reproduction/{one}/{number}"
    assert refs.parse_verdict_ref(ref) == (one, number)
    assert refs.format_verdict_tag(one, number) == f"reproduction/{one}/{number}"


@pytest.mark.parametrize(
    "rest",
    ["a", "a/", "a/0", "a/01", "a/-1", "a/1/2", "/1", "A/1", "a/\u0661", "a/1 ", "a/1000000000"],
)
def test_other_refs_are_no_verdicts(rest: str) -> None:
    assert refs.parse_verdict_ref(f"refs/tags/reproduction/{rest}") is None
    assert refs.parse_verdict_ref(f"refs/tags/experiment/{rest}") is None


def test_a_verdict_on_no_experiment_has_no_ref() -> None:
    for name, number in (("../x", 1), ("a", 0), ("a", -1), ("a", 10**9)):
        with pytest.raises(XgitError):
            refs.format_verdict_ref(name, number)
