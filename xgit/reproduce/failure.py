"""What stands in the way of a reproduction, and at which step."""

from __future__ import annotations

from xgit.errors import XgitError
from xgit.record.verdict import Step


class CannotReproduce(XgitError):
    """A step that failed: the verdict is `failed`, and the exit code that of trouble.

    Args:
        step: where: `fetch`, `environment`, `data` or `run`.
        tells: whether this says something of the experiment: a server that does not answer, or a
            program that is not installed here, does not, and leaves no verdict.
    """

    def __init__(
        self, step: Step, message: str, hint: str | None = None, *, tells: bool = True
    ) -> None:
        super().__init__(message, hint)
        self.step = step
        self.tells = tells
