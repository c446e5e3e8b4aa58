"""What a run is told that may be the path of its data: on the command line, and in its config.

Names decide what is no data: where a run writes to is named after what it writes. Nothing here
looks at the file system; see `mentioned.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from xgit.record.model import ComposedConfig, Json

COMMAND_LINE = "the command line"
Role = Literal["input", "output", "unknown"]

_LONGEST = 4096
_NAMED = re.compile(r"-{0,2}[+~]{0,2}([A-Za-z_][\w./@-]*)")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_WRITTEN = (
    *("out", "log", "sav", "ckpt", "checkpoint", "cache", "tmp", "temp", "scratch", "result"),
    *("work", "exp", "run", "dump", "writ", "dest", "report", "plot", "fig", "artifact", "wandb"),
    *("mlflow", "mlruns", "tensorboard", "profil", "metric", "histor", "sweep", "predict", "job"),
    *("default", "home", "trace", "debug", "submission"),
)
"""How a word begins that names what a run writes; `default` is of Lightning's root directory."""
_WRITTEN_GROUPS = ("out", "log", "sav", "ckpt", "checkpoint", "cache", "tmp", "callback")
_READ = {"load", "resume", "restore", "pretrained", "init", "input", "inputs", "from"}
_DATA = {"data", "dataset", "datasets", "corpus", "source", "src"}
_PLACE = re.compile(r"(?:dir|directory|path|folder|root|file)s?$", re.IGNORECASE)


class Mention(NamedTuple):
    """A text that may be a path.

    Attributes:
        where: what names it, for the user.
        name: the option or the dotted name it is the value of; empty where there is none.
    """

    text: str
    where: str
    name: str

    @property
    def role(self) -> Role:
        """What the name says of it."""
        return role_of(self.name)

    @property
    def is_place(self) -> bool:
        """Whether the name says that it is a path, whatever it looks like."""
        return _PLACE.search(self.name) is not None


def role_of(name: str) -> Role:
    """Whether what has this name is read or written by the run."""
    *groups, last = re.split(r"[./@]", name)
    words = [word.lower() for word in _WORDS.findall(last)]
    if not _READ.isdisjoint(words):
        return "input"
    if last == "o" or groups[:1] == ["hydra"] or any(word.startswith(_WRITTEN) for word in words):
        return "output"
    if any(group.lower().startswith(_WRITTEN_GROUPS) for group in groups):
        return "output"
    return "unknown" if _DATA.isdisjoint([*words, *map(str.lower, groups)]) else "input"


def in_command(command: Sequence[str]) -> Iterator[Mention]:
    """The arguments, and the values in `name=value` and `--name=value`; never the program."""
    name = ""
    for word in command[1:]:
        left, given, value = word.partition("=")
        named = _NAMED.fullmatch(left) if given else None
        if named:
            yield from _mention(value, COMMAND_LINE, named[1])
        if word.startswith("-"):
            name = "" if given else word.lstrip("-")
            continue
        yield from _mention(word, COMMAND_LINE, name)
        name = ""


def in_config(config: ComposedConfig) -> Iterator[Mention]:
    """The texts in the config, those in lists too; none of what Hydra takes for itself."""
    source = "the config" if config.source == "hydra" else config.source
    for name, value in config.values.items():
        last = name.rpartition(".")[2]
        if not name.startswith("hydra.") and not (last.startswith("_") and last.endswith("_")):
            for text in _texts(value):
                yield from _mention(text, f"{name} in {source}", name)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _mention(text: str, where: str, name: str) -> Iterator[Mention]:
    """The text without quotes and `file://`, unless it cannot be a path."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    text = text.removeprefix("file://")
    if text and len(text) <= _LONGEST and "\0" not in text and "://" not in text:
        yield Mention(text, where, name)
