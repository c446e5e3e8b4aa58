"""What git and servers complain of is told in words, with a command, and without credentials."""

from __future__ import annotations

import pytest

from xgit.share.nouns import Remote
from xgit.share.trouble import explain, refusal

ORIGIN = Remote("origin", "https://host/x.git")


@pytest.mark.parametrize(
    ("said", "meaning", "hint"),
    [
        ("fatal: unable to access 'https://a:b@host/': Could not resolve host: host",
         "cannot be reached", "git ls-remote"),
        ("ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote "
         "repository.", "cannot be reached", "git ls-remote"),
        ("git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.",
         "does not know you", "on a terminal"),
        ("fatal: could not read Username for 'https://host': terminal prompts disabled",
         "does not know you", "on a terminal"),
        ("remote: Permission to a/b.git denied to ada.\nfatal: unable to access 'https://host/': "
         "The requested URL returned error: 403", "may not write", "--remote"),
        ("remote: fatal: unable to create temporary object directory\nerror: remote unpack failed: "
         "unable to create temporary object directory", "may not write", "--remote"),
        ("remote: error: file write error: No space left on device", "disk is full", "ls-remote"),
        ("fatal: '/x' does not appear to be a git repository", "no repository", "set-url"),
        ("remote: Repository not found.\nfatal: repository 'https://host/' not found",
         "no repository", "set-url"),
        ("fatal: transport 'ext' not allowed", "https, ssh", "set-url"),
        ("! [remote rejected] x (shallow update not allowed)", "shallow", "--unshallow"),
        ("fatal: something new", "something new", "git ls-remote"),
        ("", "git says nothing", "git ls-remote"),
    ],
)  # fmt: skip
def test_each_has_a_meaning_and_a_command(said: str, meaning: str, hint: str) -> None:
    error = explain(ORIGIN, "push to", said)
    assert "origin (https://host/x.git)" in error.message
    assert meaning in error.message
    assert hint in (error.hint or "")
    assert "a:b@" not in error.message


def test_a_refusal_has_the_servers_own_words() -> None:
    reason = "[remote rejected] (pre-receive hook declined)"
    said = "remote: GitLab: You are not allowed to create this tag.        \nerror: failed to push"
    told = "pre-receive hook declined: GitLab: You are not allowed to create this tag."
    assert refusal(reason, said) == told
    assert refusal("[rejected] (already exists)", "") == "already exists"
