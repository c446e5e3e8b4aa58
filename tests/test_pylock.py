"""The text of `pylock.toml`: what is kept of uv's answer, what is lacking, what is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from xgit.capture.environment import pylock
from xgit.record.model import Package

DIGEST = "ab" * 32
COMMIT = "0" * 40


def same(text: str) -> str:
    return text


def entry(name: str = "one", version: str = "1.0", **changes: Any) -> dict[str, Any]:
    url = f"https://host/files/{name}-{version}-py3-none-any.whl"
    file = {"url": url, "size": 3, "hashes": {"sha256": DIGEST}}
    return {"name": name, "version": version, "wheels": [file], **changes}


def kept(**changes: Any) -> Any:
    return pylock.cleaned(entry(**changes), {"one": "1.0"}, same)


def file_at(url: str) -> dict[str, Any]:
    return {"url": url, "hashes": {"sha256": DIGEST}}


# ---------------------------------------------------------------- what is kept


def test_dates_and_what_is_not_known_are_left_out() -> None:
    dated = {**file_at("https://host/one.whl"), "upload-time": 1, "surprise": [1]}
    assert kept(wheels=[dated], marker="x", dependencies=[]) == {
        "name": "one",
        "version": "1.0",
        "wheels": [file_at("https://host/one.whl")],
    }


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://me:secret@host/a.whl", "https://host/a.whl"),
        ("https://token@host/a.whl", "https://host/a.whl"),
        ("https://host/a.whl?X-Signature=secret#secret", "https://host/a.whl"),
        ("https://host/a%20b.whl", "https://host/a%20b.whl"),
        ("file:///home/me/a.whl", None),
        ("a.whl", None),
        (7, None),
    ],
)
def test_addresses_are_those_that_others_can_use(url: Any, stored: str | None) -> None:
    found = kept(wheels=[file_at(url)])
    assert (found["wheels"][0]["url"] if found else None) == stored


def test_a_file_whose_address_has_a_secret_is_left_out() -> None:
    def mask(text: str) -> str:
        return text.replace("T0KEN", "***")

    both = entry(
        wheels=[file_at("https://host/T0KEN/one.whl")], sdist=file_at("https://host/one.tar.gz")
    )
    assert pylock.cleaned(both, {"one": "1.0"}, mask) == {
        "name": "one",
        "version": "1.0",
        "sdist": file_at("https://host/one.tar.gz"),
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"wheels": []},
        {"wheels": "x"},
        {"wheels": [3, {"url": "https://host/a.whl"}]},
        {"wheels": [{"url": "https://host/a.whl", "hashes": {"md5": "0"}}]},
        {"name": "other"},
        {"version": "2.0"},
    ],
)
def test_what_would_not_bring_back_what_is_installed_is_left_out(broken: dict[str, Any]) -> None:
    assert kept(**broken) is None


@pytest.mark.parametrize(
    ("installed", "answered", "agree"),
    [
        ("2024.01.1", "2024.1.1", True),
        ("1.0rc1", "1.0.RC1", True),
        ("1.0c1", "1.0rc1", True),
        ("2.3.1+cu121", "2.3.1+cu121", True),
        ("2.3.1+cu121", "2.3.1", False),
        ("1.10", "1.1", False),
    ],
)
def test_versions_agree_however_they_are_written(
    installed: str, answered: str, agree: bool
) -> None:
    found = pylock.cleaned(entry(version=answered), {"one": installed}, same)
    assert (found is not None) == agree


# ---------------------------------------------------------------- from elsewhere


def test_a_commit_is_an_entry_of_its_own() -> None:
    source = f"git+https://host/a/b.git@{COMMIT}#subdirectory=py/lib"
    assert pylock.from_elsewhere("My.Lib", Package("1", source), same) == {
        "name": "my-lib",
        "vcs": {
            "type": "git",
            "url": "https://host/a/b.git",
            "commit-id": COMMIT,
            "subdirectory": "py/lib",
        },
    }


def test_an_archive_with_its_hash_is_an_entry_of_its_own() -> None:
    source = f"https://host/a.whl#sha256={DIGEST}"
    assert pylock.from_elsewhere("a", Package("1", source), same) == {
        "name": "a",
        "version": "1",
        "archive": {"url": "https://host/a.whl", "hashes": {"sha256": DIGEST}},
    }


@pytest.mark.parametrize(
    "source",
    [
        "index",
        "conda",
        "editable:/src",
        "https://host/a.whl",
        "git+https://host/a.git@None",
        f"hg+https://host/a@{COMMIT}",
        f"git+file:///srv/a.git@{COMMIT}",
    ],
)
def test_everything_else_is_none(source: str) -> None:
    assert pylock.from_elsewhere("a", Package("1", source), same) is None


# ---------------------------------------------------------------- what is lacking


def test_each_gap_says_why(tmp_path: Path) -> None:
    packages = {
        "Here": Package("1"),
        "gone": Package("1"),
        "torch": Package("2.3.1+cu121"),
        "conda-thing": Package("1", "conda"),
        "own": Package("1", f"editable:{tmp_path}/libs/own"),
        "project": Package("1", f"editable:{tmp_path}"),
        "away": Package("1", "editable:/somewhere/else"),
        "wheel": Package("1", "file:/somewhere/wheel.whl"),
        "url": Package("1", "https://host/url.whl"),
        "local-git": Package("1", f"git+file:///srv/a.git@{COMMIT}"),
    }
    gaps = {one.name: one for one in pylock.missing({"here"}, packages, str(tmp_path))}
    assert set(packages) - set(gaps) == {"Here"}
    assert "no index" in gaps["gone"].why
    assert "index of its own" in gaps["torch"].why
    assert "conda" in gaps["conda-thing"].why
    assert "editable install" in gaps["away"].why
    assert "a path on that machine" in gaps["wheel"].why
    assert "did not note the hash" in gaps["url"].why
    assert "a repository on that machine" in gaps["local-git"].why
    inside = {name: one.directory for name, one in gaps.items() if one.directory}
    assert inside == {"own": "libs/own", "project": "."}


def test_what_a_lock_cannot_bring_back() -> None:
    text = pylock.render(None, [entry("one"), entry("my-lib")])
    packages = {"one": Package("1.0"), "My_Lib": Package("1.0"), "two": Package("2.0")}
    assert [gap.name for gap in pylock.rebuildable(text, packages)] == ["two"]


@pytest.mark.parametrize("text", ["{", "a = 1", 'lock-version = "1.0"\npackages = [1]'])
def test_what_is_no_lock_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        pylock.rebuildable(text, {})


# ---------------------------------------------------------------- written


def test_what_is_written_can_be_read_and_does_not_depend_on_the_order() -> None:
    odd = entry("two", wheels=[file_at('https://host/"\\\x7f\n\u00e9\U0001f600.whl')])
    text = pylock.render(">=3.11", [odd, entry("one", sdist=file_at("https://host/one.tar.gz"))])
    assert text == pylock.render(
        ">=3.11", [entry("one", sdist=file_at("https://host/one.tar.gz")), odd]
    )
    document = tomllib.loads(text)
    assert document["lock-version"] == "1.0"
    assert document["requires-python"] == ">=3.11"
    assert document["packages"][1] == odd
    assert [one["name"] for one in document["packages"]] == ["one", "two"]
