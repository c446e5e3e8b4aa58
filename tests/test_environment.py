from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from xgit.capture.environment.describe import environment, platform_name, recorded_variables
from xgit.capture.environment.packages import installed_packages
from xgit.capture.spool.reading import PythonFacts
from xgit.record.model import Package


def install(
    site: Path,
    name: str,
    version: str,
    *,
    folder: str | None = None,
    direct: object = None,
    installer: str = "pip",
    headers: str = "",
) -> Path:
    """A distribution as an installer leaves it; the folder that holds its metadata."""
    where = site / (folder or f"{name.lower().replace('-', '_')}-{version}.dist-info")
    where.mkdir(parents=True)
    metadata = "PKG-INFO" if where.suffix == ".egg-info" or where.name == "EGG-INFO" else "METADATA"
    text = f"Metadata-Version: 2.1\n{headers}Name: {name}\nVersion: {version}\n\nName: other\n"
    (where / metadata).write_text(text, encoding="utf-8")
    (where / "INSTALLER").write_text(f"{installer}\n", encoding="utf-8")
    if direct is not None:
        (where / "direct_url.json").write_text(json.dumps(direct), encoding="utf-8")
    return where


def packages(*path: Path) -> dict[str, Package]:
    found, notes = installed_packages(tuple(str(entry) for entry in path))
    assert notes == ()
    return found


# ---------------------------------------------------------------- packages


def test_this_environment_is_as_importlib_metadata_reads_it() -> None:
    found, notes = installed_packages(tuple(sys.path))
    expected = {it.metadata["Name"]: it.version for it in importlib.metadata.distributions()}
    assert {name: package.version for name, package in found.items()} == expected
    assert len(found) > 20
    assert notes == ()


def test_the_e_mail_parser_is_not_loaded() -> None:
    program = (
        "import sys; from xgit.capture.environment.packages import installed_packages\n"
        "found = installed_packages(tuple(sys.path))\n"
        "assert found[0]\n"
        "print(*{'email', 'importlib.metadata', 'zipfile', 'csv'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program]).split() == []


def test_names_are_the_published_ones_in_order(tmp_path: Path) -> None:
    install(tmp_path, "zope.interface", "6.0")
    install(tmp_path, "PyYAML", "6.0.1")
    install(tmp_path, "black", "24.1")
    assert list(packages(tmp_path)) == ["black", "PyYAML", "zope.interface"]


def test_the_first_on_the_path_wins_however_the_name_is_spelled(tmp_path: Path) -> None:
    install(tmp_path / "a", "Foo.Bar", "2.0")
    install(tmp_path / "b", "foo_bar", "1.0")
    assert packages(tmp_path / "a", tmp_path / "b") == {"Foo.Bar": Package("2.0")}
    assert packages(tmp_path / "b", tmp_path / "a") == {"foo_bar": Package("1.0")}


def test_headers_may_stand_far_down_and_in_any_case(tmp_path: Path) -> None:
    install(tmp_path, "far", "1.0", headers="License: " + "x\n        " * 2000 + "x\n")
    where = install(tmp_path, "cased", "1.0")
    (where / "METADATA").write_bytes(b"NAME: cased\r\nversion:1.5\r\n\r\n")
    assert packages(tmp_path) == {"cased": Package("1.5"), "far": Package("1.0")}


@pytest.mark.parametrize(
    ("direct", "source"),
    [
        (
            {
                "url": "https://user:secret@git.example.com/a/b.git",
                "vcs_info": {"vcs": "git", "commit_id": "0" * 40, "requested_revision": "main"},
            },
            "git+https://git.example.com/a/b.git@" + "0" * 40,
        ),
        (
            {"url": "ssh://git@example.com/b.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+ssh://git@example.com/b.git@abc",
        ),
        (
            {"url": "file:///home/a%20b/src", "dir_info": {"editable": True}},
            "editable:/home/a b/src",
        ),
        ({"url": "file:///home/src", "dir_info": {}}, "file:/home/src"),
        ({"url": "file:///x/a.whl", "archive_info": {"hash": "sha256=00"}}, "file:/x/a.whl"),
        (
            {"url": "https://token@example.com/a.whl", "archive_info": {}},
            "https://example.com/a.whl",
        ),
        (
            {
                "url": "https://git.example.com/b.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
                "subdirectory": "py/lib",
            },
            "git+https://git.example.com/b.git@abc#subdirectory=py/lib",
        ),
        (
            {"url": "https://example.com/a.whl", "archive_info": {"hash": f"sha256={'0' * 64}"}},
            f"https://example.com/a.whl#sha256={'0' * 64}",
        ),
        (
            {
                "url": "https://example.com/a.whl#egg=a",
                "archive_info": {"hashes": {"sha256": "1" * 64}},
            },
            f"https://example.com/a.whl#sha256={'1' * 64}",
        ),
        (
            {"url": "https://example.com/a.whl", "archive_info": {"hash": "sha256=0"}},
            "https://example.com/a.whl",
        ),
        ({"url": 3}, "index"),
        (["url"], "index"),
        ({"url": "file:///x", "dir_info": "editable"}, "file:/x"),
    ],
)
def test_where_a_package_came_from(tmp_path: Path, direct: object, source: str) -> None:
    install(tmp_path, "one", "1.0", direct=direct)
    assert packages(tmp_path) == {"one": Package("1.0", source)}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff"])
def test_a_direct_url_that_is_none_counts_as_index(tmp_path: Path, text: str) -> None:
    where = install(tmp_path, "one", "1.0")
    (where / "direct_url.json").write_bytes(text.encode("latin-1"))
    assert packages(tmp_path) == {"one": Package("1.0")}


def test_conda_says_so_and_its_build_directory_does_not_count(tmp_path: Path) -> None:
    built = {"url": "file:///home/conda/feedstock_root/build", "dir_info": {}}
    install(tmp_path, "numpy", "2.0", direct=built, installer="conda")
    assert packages(tmp_path) == {"numpy": Package("2.0", "conda")}


def test_legacy_forms(tmp_path: Path) -> None:
    site, source = tmp_path / "site-packages", tmp_path / "src"
    install(site, "plain", "1.0", folder="plain-1.0-py3.11.egg-info")
    install(source, "develop", "0.1", folder="develop.egg-info")
    (site / "develop.egg-link").write_text(f"{source}\n.", encoding="utf-8")
    (site / "single.egg-info").write_text("Name: single\nVersion: 3\n", encoding="utf-8")
    egg = site / "zipped-1.0-py3.11.egg"
    install(egg, "unzipped", "1.0", folder="EGG-INFO")
    assert packages(site, source, egg) == {
        "develop": Package("0.1", f"editable:{source}"),
        "plain": Package("1.0"),
        "single": Package("3"),
        "unzipped": Package("1.0"),
    }


def test_what_pip_could_not_remove_is_no_package(tmp_path: Path) -> None:
    install(tmp_path, "numpy", "1.0", folder="~umpy-1.0.dist-info")
    assert packages(tmp_path) == {}


def test_missing_and_relative_entries_are_passed_over(tmp_path: Path) -> None:
    install(tmp_path, "one", "1.0")
    found, notes = installed_packages(("", ".", str(tmp_path / "python311.zip"), str(tmp_path)))
    assert (found, notes) == ({"one": Package("1.0")}, ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "it has no valid name"),
        (b"Name: one\n", "it has no valid version"),
        (b"Version: 1\n", "it has no valid name"),
        (b"Name: ../one\nVersion: 1\n", "it has no valid name"),
        (b"Name: one\nVersion: 1\x1b[31m\n", "it has no valid version"),
        (b"\nName: one\nVersion: 1\n", "it has no valid name"),
        (b"\xff\xfe\x00" * 100_000, "it has no valid name"),
    ],
)
def test_broken_metadata_is_a_note(tmp_path: Path, content: bytes | None, reason: str) -> None:
    metadata = install(tmp_path, "one", "1.0") / "METADATA"
    metadata.unlink()
    if content is not None:
        metadata.write_bytes(content)
    install(tmp_path, "two", "2.0")
    found, notes = installed_packages((str(tmp_path),))
    assert found == {"two": Package("2.0")}
    assert notes == (f"{metadata} was left out of the packages: {reason}",)


def test_two_versions_in_one_place_are_a_note(tmp_path: Path) -> None:
    install(tmp_path, "one", "1.0")
    install(tmp_path, "one", "2.0")
    found, notes = installed_packages((str(tmp_path),))
    assert found == {"one": Package("1.0")}
    assert notes == (f"one is installed twice in {tmp_path}: 1.0 and 2.0",)


def test_an_archive_on_the_path_is_a_note(tmp_path: Path) -> None:
    archive = tmp_path / "lib.zip"
    archive.write_bytes(b"PK")
    notes = (f"{archive} is an archive; packages inside it were not read",)
    assert installed_packages((str(archive),)) == ({}, notes)


def test_an_unreadable_directory_is_a_note(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)  # unreadable for root, too
    note = f"packages in {loop} could not be read: {os.strerror(errno.ELOOP)}"
    assert installed_packages((str(loop),)) == ({}, (note,))


# ---------------------------------------------------------------- interpreter, platform, variables


def facts(version: str, path: tuple[str, ...] = ()) -> PythonFacts:
    return PythonFacts("/v/bin/python", version, "cpython", "/v", "/usr", path)


def test_the_interpreter_and_its_build(tmp_path: Path) -> None:
    install(tmp_path, "one", "1.0")
    version = "3.9.1 | packaged by conda-forge | (default, Jan 26 2021) \n[GCC 9.3.0]"
    found = environment(facts(version, (str(tmp_path),)), {"PYTHONHASHSEED": "0"})
    assert found.python is not None
    assert found.python.version == "3.9.1"
    assert found.python.build == "| packaged by conda-forge | (default, Jan 26 2021) [GCC 9.3.0]"
    assert found.python.prefix == "/v"
    assert found.packages == {"one": Package("1.0")}
    assert found.variables == {"PYTHONHASHSEED": "0"}


def test_notes_on_packages_are_handed_on(tmp_path: Path) -> None:
    install(tmp_path, "one", "1.0")
    install(tmp_path, "one", "2.0")
    assert len(environment(facts(sys.version, (str(tmp_path),)), {}).notes) == 1


def test_without_python_there_is_a_platform_all_the_same() -> None:
    found = environment(None, {})
    assert found.python is None
    assert found.packages == {}
    assert found.platform == platform_name()


def test_the_platform() -> None:
    name = platform_name()
    assert name.startswith(f"{platform.system()} {platform.release()} {platform.machine()}")
    if platform.system() == "Linux" and Path("/etc/os-release").exists():
        assert platform.freedesktop_os_release()["PRETTY_NAME"] in name


def test_only_allowed_variables_that_are_set() -> None:
    environ = {"PYTHONHASHSEED": "0", "AWS_SECRET_ACCESS_KEY": "x", "SEED": "3", "PATH": "/bin"}
    assert recorded_variables(environ) == {"PYTHONHASHSEED": "0"}
    assert recorded_variables(environ, ("SEED", "UNSET")) == {"PYTHONHASHSEED": "0", "SEED": "3"}
