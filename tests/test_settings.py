"""`[tool.xgit]`: what is wrong in it is named, and what is right is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from xgit.errors import XgitError
from xgit.settings import Settings, load_settings


def settings(root: Path, text: str) -> Settings:
    (root / "xgit.toml").write_text(text, encoding="utf-8")
    return load_settings(root)


def test_tolerances_are_tables_by_name(tmp_path: Path) -> None:
    found = settings(
        tmp_path, '[tolerances]\n"val/*" = { rtol = 1e-3, atol = 1 }\ntime = { ignore = true }\n'
    )
    assert found.tolerances == {"val/*": {"rtol": 1e-3, "atol": 1}, "time": {"ignore": True}}
    assert load_settings(tmp_path / "none").tolerances == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tolerances = 1", "tool.xgit.tolerances in xgit.toml is not a table"),
        ("[tolerances]\nloss = 0.1", "'loss' is given no table"),
        ("[tolerances]\nloss = { rtol = -1 }", "'loss': rtol is not a number of zero or more"),
        ("[tolerances]\nloss = { atol = nan }", "'loss': atol is not a number"),
        ("[tolerances]\nloss = { atol = inf }", "'loss': atol is not a number"),
        ("[tolerances]\nloss = { rtol = true }", "'loss': rtol is not a number"),
        (f"[tolerances]\nloss = {{ rtol = 1{'0' * 400} }}", "'loss': rtol is not a number"),
        ("[tolerances]\nloss = { ignore = 1 }", "'loss': ignore is neither true nor false"),
        ("[tolerances]\nloss = { tol = 1 }", "'loss' has an unknown key 'tol'"),
        ("grace_seconds = inf", "grace_seconds in xgit.toml is not a number of zero or more"),
        (f"grace_seconds = 1{'0' * 400}", "grace_seconds in xgit.toml is not a number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(XgitError) as caught:
        settings(tmp_path, text)
    assert told in caught.value.message


def test_a_dotted_name_without_quotes_is_told_how_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(XgitError) as caught:
        settings(tmp_path, "[tolerances]\nval.loss = { rtol = 0.1 }")
    assert caught.value.hint == 'put the whole name in quotes: "val.loss"'
