"""What the verifications of one call share, so that ten thousand tags ask each question once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from xgit.git.plumbing import Repo
from xgit.verify.nouns import Check
from xgit.verify.reach import Remote
from xgit.verify.reader import Reader


class Shared(NamedTuple):
    """One call of `verify`.

    Attributes:
        signed: whether a tag fails without a good signature.
        data: what the checks of the data came to, by commit and recorded pins.
        reached: whether a branch of a remote leads to a commit, by the names of both.
    """

    repo: Repo
    reader: Reader
    asked: tuple[Remote, ...]
    signed: bool
    data: dict[Hashable, tuple[Check, Check]]
    reached: dict[tuple[str, str], bool]
