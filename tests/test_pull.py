"""Pull: what is new comes in, what is here stays, and nothing of a stranger's is believed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests import adversary
from tests.conftest import Project
from tests.forge import forge
from tests.sharing import exp, git_that, killing, on_origin, ours, recorded
from tests.untouched import everything, is_sound

TAG = "refs/tags/experiment/"


def shared(project: Project, *names: str) -> Project:
    """Another clone, once these experiments are on the origin."""
    for name in names:
        recorded(project, name)
    project.git("push", "--quiet", "origin", "refs/tags/experiment/*")
    return clone_without_tags(project)


def clone_without_tags(project: Project, *options: str, url: str | None = None) -> Project:
    root = project.root.parent / "other"
    where = url or str(project.origin)
    subprocess.run(
        ["git", "clone", "--quiet", "--no-local", "--no-tags", *options, where, root], check=True
    )
    return Project(root, project.origin)


def test_what_is_new_comes_in_and_nothing_else(project: Project) -> None:
    other = shared(project, "one", "two")
    project.git("tag", "private")
    project.git("push", "--quiet", "origin", "private")
    before = everything(other)
    document = exp(other, "pull")
    assert everything(other) == before
    assert sorted(document["experiments"]) == ["one", "two"]
    assert other.git("tag").split() == ["experiment/one", "experiment/two"]
    assert not (other.root / ".git/FETCH_HEAD").exists()
    assert ours(other, TAG + "one") == ours(project, TAG + "one")
    assert is_sound(other)
    assert exp(other, "pull")["experiments"] == []
    assert "nothing new" in other.xgit("exp", "pull").stderr
    assert other.xgit("exp", "show", "one").returncode == 0


def test_of_one_name_ours_stays_and_both_are_told(project: Project) -> None:
    other = shared(project, "same", "fine")
    recorded(other, "same", why="ours")
    mine = ours(other, TAG + "same")
    document = exp(other, "pull", code=1)
    assert document["experiments"] == ["fine"]
    theirs = ours(project, TAG + "same")
    [conflict] = document["conflicts"]
    assert conflict == {"name": "experiment/same", "ours": mine, "theirs": theirs}
    assert ours(other, TAG + "same") == mine
    done = other.xgit("exp", "pull")
    assert mine in done.stderr
    assert theirs in done.stderr
    hint = next(line for line in done.stderr.splitlines() if "hint: " in line)
    adversary.shell(other, hint.partition("hint: ")[2].partition(" shows")[0])
    adversary.shell(other, hint.partition("of ours: ")[2].replace("xgit", "true xgit"))
    assert exp(other, "pull")["experiments"] == ["same"]


def test_pruning_config_prunes_no_experiment(project: Project) -> None:
    other = shared(project, "one")
    recorded(other, "mine")
    for key, value in (
        ("fetch.prune", "true"), ("fetch.pruneTags", "true"), ("remote.origin.tagOpt", "--tags"),
        ("remote.origin.fetch", "+refs/*:refs/*"), ("fetch.recurseSubmodules", "yes"),
    ):  # fmt: skip
        other.git("config", key, value)
    project.git("tag", "private")
    project.git("push", "--quiet", "origin", "private")
    assert exp(other, "pull")["experiments"] == ["one"]
    assert other.git("tag").split() == ["experiment/mine", "experiment/one"]


@pytest.mark.parametrize("step", ["ls-remote", "--refmap=", "the pack", "the pack, git goes on"])
def test_killed_anywhere_the_next_pull_finishes(
    project: Project, hermetic_home: Path, step: str
) -> None:
    other = shared(project, "one", "two")
    exp(project, "label", "one", "x")
    exp(project, "push")
    if step.startswith("the pack"):
        script = project.root.parent / "script"
        goes_on = 'exec "$@"' if step.endswith("on") else "exit 1"
        script.write_text(f"#!/bin/sh\n{killing('xgit exp pull')}\n{goes_on}\n", encoding="utf-8")
        script.chmod(0o755)
        config = hermetic_home / ".gitconfig"
        before = config.read_text(encoding="utf-8")
        config.write_text(f"{before}[uploadpack]\n\tpackObjectsHook = {script}\n", "utf-8")
        killed = other.xgit("exp", "pull")
        config.write_text(before, encoding="utf-8")
    else:
        real = shutil.which("git")
        assert real is not None
        killed = other.xgit("exp", "pull", env=git_that(other, step, "kill -9 $PPID $$", real))
    assert killed.returncode == -9
    time.sleep(0.3)  # the orphaned git comes to its end
    assert is_sound(other)
    exp(other, "pull")
    assert other.git("tag").split() == ["experiment/one", "experiment/two"]
    assert ours(other, "refs/notes/xgit") == ours(project, "refs/notes/xgit")


def test_damaged_and_strange_tags_are_told_and_the_others_come_in(project: Project) -> None:
    forge(project, "broken", b'{"schema": ')
    project.git("tag", "experiment/light")
    project.git("tag", "-a", "-m", "x", "experiment/UPPER")
    project.git("tag", "-a", "-m", "x", "reproduction/one/two/three")
    other = shared(project, "fine")
    project.git("push", "--quiet", "origin", "refs/tags/*:refs/tags/*")
    document = exp(other, "pull", code=1)
    assert sorted(document["experiments"]) == ["broken", "fine", "light"]
    assert sorted(one["name"] for one in document["not_taken"]) == [
        "experiment/UPPER",
        "reproduction/one/two/three",
    ]
    listed = other.xgit("exp", "list").stdout
    assert listed.count("unreadable") == 2


def test_objects_that_git_finds_fault_with_stay_out(project: Project) -> None:
    other = shared(project, *(f"fine-{number}" for number in range(6)))
    tree = subprocess.run(
        ["git", "mktree"], cwd=project.origin, capture_output=True, text=True, check=True,
        input=f"040000 tree {ours(project, 'HEAD^{tree}')}\t.git\n",
    ).stdout.strip()  # fmt: skip
    subprocess.run(["git", "update-ref", TAG + "worse", tree], cwd=project.origin, check=True)
    document = exp(other, "pull", code=1)
    assert len(document["experiments"]) == 6
    [worse] = [one for one in document["not_taken"] if one["name"] == "experiment/worse"]
    assert ".git" in worse["reason"] or "hasDotgit" in worse["reason"]
    assert "experiment/worse" not in other.git("tag")
    assert is_sound(other)


def test_a_shallow_clone_is_told_of(project: Project) -> None:
    recorded(project, "early")
    for number in range(3):
        project.write("a", str(number))
        project.commit("more")
    recorded(project, "late")
    project.git("push", "--quiet", "origin", "refs/tags/experiment/*")
    shallow = clone_without_tags(project, "--depth=1", url=f"file://{project.origin}")
    document = exp(shallow, "pull")
    assert sorted(document["experiments"]) == ["early", "late"]
    assert any("git fetch --unshallow" in note for note in document["notes"])
    assert shallow.xgit("exp", "list", "--json").returncode == 0
    assert is_sound(shallow)


def test_into_a_bare_repository(project: Project) -> None:
    shared(project, "one")
    bare = project.root.parent / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
    subprocess.run(["git", "remote", "add", "origin", project.origin], cwd=bare, check=True)
    done = project.xgit("exp", "pull", cwd=bare)
    assert done.returncode == 0, done.stderr
    assert "new: experiment/one" in done.stderr


def test_an_empty_remote_and_none(project: Project) -> None:
    empty = project.root.parent / "empty.git"
    subprocess.run(["git", "init", "--quiet", "--bare", empty], check=True)
    project.git("remote", "add", "empty", str(empty))
    assert exp(project, "pull", "--remote", "empty")["experiments"] == []
    project.git("remote", "remove", "empty")
    project.git("remote", "remove", "origin")
    done = adversary.xgit(project, "exp", "pull")
    adversary.assert_error(done, 2, "there is no remote", "git remote add origin URL")


def test_a_full_disk_here(project: Project, small_disk: os.PathLike[str]) -> None:
    big = os.urandom(5_000_000).hex().encode()
    recorded(project, "big", files={"artifacts/big.txt": big})
    project.git("push", "--quiet", "origin", "refs/tags/experiment/*")
    root = clone_without_tags(project).root
    moved = Project(type(root)(small_disk) / "clone", project.origin)
    shutil.move(root, moved.root)
    done = moved.xgit("exp", "pull")
    assert done.returncode == 2
    assert "cannot be kept" in done.stderr
    assert is_sound(moved)


def test_programs_of_the_repository_are_not_run(project: Project) -> None:
    other = shared(project, "one")
    marker = project.root.parent / "ran"
    script = project.root.parent / "script"
    script.write_text(f'#!/bin/sh\ntouch {marker}\nexec "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        hook = other.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(script, hook)
    for key in ("remote.origin.uploadpack", "core.sshCommand", "core.askPass", "core.fsmonitor"):
        other.git("config", key, str(script))
    assert exp(other, "pull")["experiments"] == ["one"]
    assert not marker.exists()


def test_what_a_server_says_reaches_no_terminal_as_it_is(project: Project) -> None:
    other = shared(project, "one")
    other.git("remote", "set-url", "origin", "https://user:s3cretpw@localhost:1/\x1b[31m.git")
    done = adversary.xgit(other, "exp", "pull")
    assert done.returncode == 2
    assert "s3cretpw" not in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.slow
def test_ten_thousand(project: Project) -> None:
    fast_import(project, 10_000)
    document = exp(project, "push")
    assert {one["state"] for one in document["experiments"]} == {"pushed"}
    assert len(on_origin(project)) == 10_000
    other = clone_without_tags(project)
    assert len(exp(other, "pull")["experiments"]) == 10_000
    done = other.xgit("exp", "push")
    assert "there already: 10000 experiments" in done.stderr


def fast_import(project: Project, count: int) -> None:
    """Experiments with a record and a summary each, faster than they can be saved."""
    from tests import samples
    from xgit.record import codec, json_form, message

    head = ours(project, "HEAD")
    it = samples.experiment("exp-0", head)
    one_record = json_form.encode(json_form.to_json(codec.to_record(it)))
    one_text = message.tag_message(it).encode()
    lines: list[bytes] = []
    for number in range(count):
        name = b"exp-%d" % number
        record, text = (part.replace(b"exp-0", name) for part in (one_record, one_text))
        lines.append(
            b"commit refs/x\nmark :%d\ncommitter A <a@e> 1795464902 +0000\ndata 1\nx\nfrom %s\n"
            b"M 100644 inline .xgit/record.json\ndata %d\n%s\n"
            b"tag experiment/%s\nfrom :%d\ntagger A <a@e> 1795464902 +0000\ndata %d\n%s\n"
            % (number + 1, head.encode(), len(record), record, name, number + 1, len(text), text)
        )
    lines.append(b"reset refs/x\nfrom 0000000000000000000000000000000000000000\n")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=project.root, input=b"".join(lines), check=True
    )
    project.git("pack-refs", "--all")
