"""The grammar of ids: format and parse are inverse, and what is outside is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from xgit.errors import XgitError
from xgit.record import refs

GOOD = ["a", "0", "20261123-201502-k3f9", "a-b-c", "x" * 63, "sweep.0", "sweep.123"]
BAD = [
    "",
    "-a",
    "A",
    "a/b",
    "a b",
    "a.b",
    "a.",
    "a..0",
    "x" * 64,
    "a\n",
    "ä",
    "a~1",
    "../a",
    "a.lock",
]


@pytest.mark.parametrize("experiment_id", GOOD)
def test_format_and_parse_are_inverse(experiment_id: str) -> None:
    assert refs.parse_ref(refs.format_ref(experiment_id)) == experiment_id
    assert refs.parse_tag(refs.format_tag(experiment_id)) == experiment_id
    assert refs.parse_tag(refs.format_ref(experiment_id)) == experiment_id


@pytest.mark.parametrize("text", BAD)
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(XgitError, match="cannot be the name"):
        refs.check_id(text)
    assert refs.parse_ref(refs.EXPERIMENT_PREFIX + text) is None


def test_other_refs_are_no_experiments() -> None:
    assert refs.parse_ref("refs/heads/experiment/a") is None
    assert refs.parse_ref("refs/tags/v1") is None


def test_a_new_id_has_the_time_in_utc_and_four_letters() -> None:
    moment = datetime(2026, 11, 23, 20, 15, 2, tzinfo=UTC)
    assert refs.new_id(moment, "k3f9") == "20261123-201502-k3f9"
    drawn = {refs.new_id(moment) for _ in range(50)}
    assert len(drawn) > 45
    assert all(refs.check_id(one) for one in drawn)
