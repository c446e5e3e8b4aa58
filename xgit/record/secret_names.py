"""Names that say "secret", matched by whole words: `hf_token` does, `tokenizer` does not."""

from __future__ import annotations

import re
from functools import lru_cache


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # digits part words: password2
_ENDINGS = _set_of("auth authorization apikey passphrase password passwd pwd secret credential")
# also what stands below them, or in a list of them
_ANYWHERE = _set_of("credentials passwords secrets secret password apikeys")
_KEY_KINDS = _set_of("access account api auth deploy encryption master private secret signing ssh")
# a token of a tokenizer, not of a login
_VOCABULARY = _set_of(
    "additional audio begin blank bos cls decoder dec end eos eot first forced image img last "
    "mask next pad padding per prefix prompt sentinel sep sos special start stop suffix unk "
    "unknown video vision word"
)
_SPECIAL_TOKEN = re.compile(r"\s*(<[^<>]{1,40}>|\[[^\[\]]{1,40}\])\s*")
_NOT_SECRET_VARIABLES = frozenset(("PWD", "OLDPWD"))  # where the shell is


def is_secret_name(name: str, value: str = "") -> bool:
    """Whether a parameter or an option of this name holds a secret.

    Args:
        name: dotted, snake, kebab or camel case; `+`, `++` and `--` before it do not matter.
        value: what it holds; a special token of a vocabulary (`<pad>`) is none.
    """
    segments = [segment for segment in name.split("@", 1)[0].split(".") if not segment.isdigit()]
    if any(_holds_secrets(segment) for segment in segments):
        return True
    return bool(segments) and _ends_secret(segments[-1], value)


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    return name not in _NOT_SECRET_VARIABLES and is_secret_name(name)


def _holds_secrets(segment: str) -> bool:
    words = _words(segment)
    return bool(words) and words[-1] in _ANYWHERE


def _ends_secret(segment: str, value: str) -> bool:
    words = _words(segment)
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] in ("key", "keys"):
        return before in _KEY_KINDS
    if words[-1] == "id":  # AWS_ACCESS_KEY_ID
        return words[-3:-1] == ("access", "key")
    if words[-1] == "token":
        return before not in _VOCABULARY and not (value and _SPECIAL_TOKEN.fullmatch(value))
    return words[-1] in _ENDINGS


@lru_cache(maxsize=4096)
def _words(segment: str) -> tuple[str, ...]:
    """The words of one name, in lower case: `HFToken`, `hf-token` and `HF_TOKEN` are the same."""
    return tuple(word.lower() for word in _WORD.findall(segment))
