"""How an experiment is named on the command line, and how the shell completes it."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from xgit.errors import XgitError
from xgit.git import objects as git_objects
from xgit.git import plumbing
from xgit.record import refs

_LETTERS = re.compile(r"[0-9a-z.-]*")  # of an id; no letter that means something in a pattern
_OFFERED = 500  # the newest; a shell shows no more at once, and asks before it shows these


class ExperimentId(click.ParamType[str]):
    """A tag, an id, a unique prefix, `@` or `@~2`; `store.resolve` says which one is meant."""

    name = "experiment"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The ids that begin like this, the newest of those made from the time first."""
        try:
            return [CompletionItem(name) for name in ids_like(incomplete)]
        except XgitError:  # in the middle of a line that is being typed, nobody can be told
            return []


def ids_like(text: str) -> list[str]:
    """Ids that begin with `text`, each spelled as the user began it: as an id or as a tag.

    Raises:
        XgitError: this is no repository, or git cannot read it.
    """
    wanted = refs.parse_tag(text)
    if not _LETTERS.fullmatch(wanted):
        return []
    repo = plumbing.open_repo(Path.cwd())
    found = git_objects.ref_names(repo, f"{refs.EXPERIMENT_PREFIX}{wanted}*")
    ids = sorted(filter(None, map(refs.parse_ref, found)), reverse=True)
    written = text.removesuffix(wanted)
    return [written + one for one in ids[:_OFFERED]]
