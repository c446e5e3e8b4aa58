"""`xgit exp log`: what the command printed."""

from __future__ import annotations

import re
import sys

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.table import Screen, json_text, screen
from xgit.record.escape import visible
from xgit.store import experiments as store

_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_RESET = "\x1b[0m"


@click.command(name="log")
@click.argument("experiment", metavar="ID", type=ExperimentId())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(experiment: str, as_json: bool) -> int:
    """Print the output that was kept of an experiment, stdout and stderr as they came.

    Into a file or a pipe it goes byte for byte. On a terminal colours are kept, and any other
    control sequence is shown instead of obeyed.

    With --json: {"id", "log"}, where bytes that are not UTF-8 are written as escapes.

    \b
    Example: xgit exp log @
             xgit exp log wide-net > wide-net.log
    """
    repo = current_repo()
    experiment_id = store.resolve(repo, experiment)
    log = store.load_log(repo, experiment_id)
    where = screen()
    if as_json:
        text = log.decode("utf-8", "backslashreplace")
        click.echo(json_text({"id": experiment_id, "log": text}), nl=False)
    elif where.width is None:
        sys.stdout.buffer.write(log)
    else:
        click.echo(harmless(log.decode("utf-8", "surrogateescape"), where), nl=False)
    return 0


def harmless(text: str, where: Screen) -> str:
    """The text for a terminal: colours stay if the screen shows any, nothing else is obeyed."""
    lines = [_line(line, where) for line in text.split("\n")]
    shown = "\n".join(lines)
    return shown + _RESET if where.colour and _RESET[:2] in shown else shown


def _line(line: str, where: Screen) -> str:
    """One line, as a terminal would leave it: a progress bar is seen in its last state."""
    last = next((part for part in reversed(line.split("\r")) if part), "")
    parts = _COLOUR.split(last)
    return "".join(_part(part, where) for part in parts)


def _part(part: str, where: Screen) -> str:
    if _COLOUR.fullmatch(part):
        return part if where.colour else ""
    return "\t".join(visible(piece) for piece in part.split("\t"))
