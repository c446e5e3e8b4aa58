"""What the user asked for."""

from __future__ import annotations

from typing import NamedTuple


class Wish(NamedTuple):
    """What the user asked for.

    Attributes:
        here: use the environment that is there, instead of building the recorded one.
        builds: packages may be built from source, which runs code of theirs.
        repeat: how often the command runs.
        keep: leave the checkout, for the user to look at.
        store: keep the verdict.
        shown: let the progress of git, uv and DVC be seen.
        stdout: the descriptor of ours that the command's stdout comes out at.
    """

    hermetic: bool = False
    here: bool = False
    builds: bool = False
    repeat: int = 1
    rtol: float | None = None
    atol: float | None = None
    timeout_seconds: float | None = None
    keep: bool = False
    store: bool = True
    shown: bool = False
    stdout: int = 1
