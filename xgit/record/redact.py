"""What must not be kept: secrets are cut out of everything before it becomes an object."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, quote_plus

from xgit.record.model import HydraFacts, Json, Params
from xgit.record.secret_names import is_secret_name, is_secret_variable
from xgit.record.token_shapes import Shapes
from xgit.record.urls import CREDENTIALS, cut_credentials, mask_urls

MASK = "***"
SHORTEST = 4  # characters; masking a shorter value everywhere would ruin the record
SHORTEST_BY_NAME = 8  # of variables that only their name makes secret
SHORTEST_LINE = 8  # of a secret that spans lines: each such line is masked by itself, too
_PERCENT = re.compile("%[0-9A-F]{2}")  # which some programs write in small letters
_IN_BYTES = re.compile(CREDENTIALS.encode())


@dataclass(frozen=True)
class Secrets:
    """The values that are to be masked in one run.

    Attributes:
        forms: every way a value may be written, the longest first.
        produced: parameters that are nothing but what an interpolation made of a secret variable.
        shapes: tokens that are known by their shape, or None where nothing knows them.
    """

    forms: tuple[str, ...] = ()
    produced: frozenset[str] = frozenset()
    shapes: Shapes | None = None

    @classmethod
    def gather(
        cls,
        environ: Mapping[str, str],
        *,
        seen: Iterable[tuple[str, str]] = (),
        produced: Mapping[str, Sequence[str]] | None = None,
        allowed: Collection[str] = (),
    ) -> Secrets:
        """The secrets of one run.

        Args:
            environ: the environment of the command; counted in by name (`HF_TOKEN`).
            seen: name and value of each variable that a config read through `oc.env`.
            produced: parameter to the variables that it was made of, and of nothing else.
            allowed: variables whose values may be recorded.
        """
        read = [(name, value) for name, value in seen if name not in allowed and value]
        named = [
            value
            for name, value in environ.items()
            if name not in allowed and len(value) >= SHORTEST_BY_NAME and is_secret_variable(name)
        ]
        values = {value for _, value in read if len(value) >= SHORTEST} | set(named)
        secret = {name for name, _ in read}
        wholes = (leaf for leaf, names in (produced or {}).items() if secret & set(names))
        return cls.of(values, produced=wholes)

    @classmethod
    def of(cls, values: Iterable[str], *, produced: Iterable[str] = ()) -> Secrets:
        """Secrets made of plain values, whatever their length."""
        forms = {form for value in values if value for form in _forms(value)}
        ordered = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        return cls(ordered, frozenset(produced))

    def with_shapes(self, shapes: Shapes | None) -> Self:
        """The same, and tokens of these shapes."""
        return replace(self, shapes=shapes)

    def mask_text(self, text: str) -> str:
        """The text with every secret, and the credentials of every URL, as `***`."""
        for form in self.forms:
            text = text.replace(form, MASK)
        if self.shapes is not None:
            text = self.shapes.mask_text(text, MASK)
        return mask_urls(text, MASK)

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for bytes of whatever encoding, such as a log.

        A secret that the caller cut in two is not found: mask first, cut afterwards.
        """
        for form in self.forms:
            data = data.replace(_bytes_of(form), MASK.encode())
        if self.shapes is not None:
            data = self.shapes.mask_bytes(data, MASK.encode())
        return _IN_BYTES.sub(_cut_bytes, data)

    def mask_argv(self, argv: Sequence[str]) -> tuple[str, ...]:
        """A command line: also `db.password=…`, `--token=…`, and the word after `--api-key`."""
        masked: list[str] = []
        named = False
        for word in argv:
            if named and word and not word.startswith("-"):
                masked.append(MASK)
            else:
                masked.append(self.mask_override(word))
            named = word.startswith("--") and "=" not in word and is_secret_name(word)
        return tuple(masked)

    def mask_override(self, text: str) -> str:
        """A `name=value` whose value is secret by its name keeps the name alone."""
        name, equals, value = text.partition("=")
        if equals and value and not _is_number(value) and is_secret_name(name, value):
            return f"{self.mask_text(name)}={MASK}"
        return self.mask_text(text)

    def mask_params(self, params: Params) -> Params:
        """Parameters without secrets: in values, in the text, in the overrides and choices."""
        from xgit.record.redact_yaml import mask_yaml

        hydra = params.hydra and self._mask_hydra(params.hydra)
        values = {name: self.mask_value(name, value) for name, value in params.values.items()}
        text = params.text if params.text is None else mask_yaml(params.text, self)
        return params._replace(values=values, text=text, hydra=hydra)

    def _mask_hydra(self, facts: HydraFacts) -> HydraFacts:
        choices = {
            group: choice if choice is None else self.mask_text(choice)
            for group, choice in facts.choices.items()
        }
        output_dir = facts.output_dir
        return facts._replace(
            overrides=tuple(self.mask_override(override) for override in facts.overrides),
            choices=choices,
            output_dir=output_dir if output_dir is None else self.mask_text(output_dir),
        )

    def mask_value(self, name: str, value: Json) -> Json:
        """One parameter: by what it was made of, by its name, or by what it contains."""
        if isinstance(value, list):
            return [self._mask_scalar(f"{name}.{at}", item) for at, item in enumerate(value)]
        return self._mask_scalar(name, value)

    def _mask_scalar(self, name: str, value: Json) -> Json:
        if value is None or value == "" or (isinstance(value, str) and _is_placeholder(value)):
            return value
        text = value if isinstance(value, str) else json.dumps(value)
        masked = self.mask_text(text)
        if self._is_produced(name) and masked == text:
            return MASK
        if not isinstance(value, str):
            return MASK if self._is_produced(name) else value
        return MASK if is_secret_name(name, value) else masked

    def mask_written(self, name: str, text: str, *, is_text: bool) -> str:
        """One parameter as its config has it, where an interpolation is no secret."""
        if is_text and not _is_placeholder(text) and is_secret_name(name, text) and text:
            return MASK
        return self.mask_text(text)

    def _is_produced(self, name: str) -> bool:
        above, _, last = name.rpartition(".")
        return name in self.produced or (last.isdigit() and above in self.produced)


def _cut_bytes(found: re.Match[bytes]) -> bytes:
    whole, scheme, user = (part.decode("latin-1") for part in (found[0], found[1], found[2]))
    return cut_credentials(whole, scheme, user, MASK).encode("latin-1")


def _forms(value: str) -> set[str]:
    """The value as it may turn up: itself, quoted for a URL, escaped, through a terminal."""
    raw = _bytes_of(value)
    forms = {
        value,
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        ascii(value)[1:-1],
        repr(raw)[2:-1],
        value.replace("\n", "\r\n"),
        value.encode("utf-8", "replace").decode("utf-8"),  # as params have a lone surrogate
    }
    lines = value.splitlines()
    if len(lines) > 1:
        forms |= {line.strip() for line in lines if len(line.strip()) >= SHORTEST_LINE}
    return forms | {_PERCENT.sub(lambda found: found[0].lower(), form) for form in forms}


def _bytes_of(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "surrogatepass")


def _is_placeholder(text: str) -> bool:
    """Whether it is what stands in a config for a value: missing, or not resolved."""
    return text == "???" or (text.startswith("${") and text.endswith("}"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false", "null", "none")
    return True
