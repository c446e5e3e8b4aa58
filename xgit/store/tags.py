"""What the tags of experiments and of verdicts have in common: how they are made and checked."""

from __future__ import annotations

from typing import Final, NamedTuple

from xgit.errors import Unreadable
from xgit.git import pack as packs
from xgit.git.plumbing import Repo

RECORD_DIR: Final = ".xgit"
RECORD_LIMIT_BYTES = 32 * 1024 * 1024


class Saved(NamedTuple):
    """Where an experiment or a verdict went: the full ref, its commit, and its tag object."""

    ref: str
    commit: str
    tag: str


def tag_object(
    repo: Repo, pack: packs.Pack, *, name: str, commit: str, identity: str, text: str
) -> bytes:
    """The annotated tag of a commit that is in the pack, signed where git is so configured.

    Args:
        name: such as `experiment/<id>`.
        identity: git's identity line.
        text: the message.

    Raises:
        GitError: git could not sign.
    """
    if repo.config.is_true("tag.gpgsign"):
        return packs.sign(repo, commit_pack=pack, name=name, target=commit, message=text)
    return packs.tag_text(target=commit, name=name, tagger=identity, message=text)


def check_tag(name: str, tag: bytes | int | None) -> None:
    """A signature says nothing of the ref a tag lies under, so the name inside must agree.

    Args:
        name: what the ref says, such as `experiment/<id>`.
        tag: the object behind the ref.

    Raises:
        Unreadable: it is no annotated tag, or one of another name.
    """
    if not isinstance(tag, bytes) or not tag.startswith(b"object "):
        raise Unreadable(f"{name} is not an annotated tag")
    inside = tag.split(b"\n", 3)[2].removeprefix(b"tag ").decode("utf-8", "replace")
    if inside != name:
        raise Unreadable(f"{name} holds a tag that is named {inside!r}")


def content_of(name: str, file: str, content: bytes | int | None) -> bytes:
    """The content of a file of the record under the tag `name`.

    Raises:
        Unreadable: it is not there, or too large to be read.
    """
    if content is None:
        raise Unreadable(f"{name} has no {RECORD_DIR}/{file}")
    if isinstance(content, int):
        limit = RECORD_LIMIT_BYTES // 2**20
        raise Unreadable(
            f"{RECORD_DIR}/{file} of {name} has {content} bytes, "
            f"more than the {limit} MiB xgit reads"
        )
    return content
