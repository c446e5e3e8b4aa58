"""`secrets`: a credential in a staged text file, or in the URL of a remote.

What was pushed once cannot be taken back: it must be made invalid.
"""

from __future__ import annotations

from xgit.guards.quoting import pathspec, shell_word
from xgit.record.model import Credential, Json, RepoState, Violation
from xgit.record.token_shapes import DETECTORS

ID = "secrets"
STAGES = ("commit", "run")
NEEDS = ("staged", "credentials")
REASON = "a secret that is in git cannot be taken back"
OPTIONS: dict[str, Json] = {"plugins": list(DETECTORS), "names": True, "allow": []}


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each place; the secret itself is named nowhere."""
    return tuple(_violation(one) for one in state.credentials)


def _violation(found: Credential) -> Violation:
    if found.remote is not None:
        push = "--push " if found.push else ""
        words = f"{shell_word(found.remote)} {shell_word(found.url)}"
        subject = f"the URL of {found.remote} holds a {found.kind}"
        return Violation(ID, subject, f"git remote set-url {push}{words}")
    path = pathspec(found.path).removeprefix("-- ")
    subject = f"{found.path}:{found.line}: {found.kind}"
    allow = "or put `pragma: allowlist secret` into a comment there"
    return Violation(ID, subject, f"git reset --quiet -- {path}", allow)
