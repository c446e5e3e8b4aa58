"""URLs without the credentials that people put in them."""

from __future__ import annotations

import re

_PLAIN_USER = ("ssh", "git", "git+ssh", "sftp", "svn+ssh")  # a user name there is an address
_TOKEN_USER = ("http", "https", "git+http", "git+https", "ftp", "s3")  # there it may be a token
CREDENTIALS = r"\b([a-zA-Z][a-zA-Z0-9+.-]{0,30})://([^\s/?#\"'<>\\]+)@"
"""The start of a URL with a user part, in a text: scheme and user part are the groups."""
_IN_TEXT = re.compile(CREDENTIALS)


def strip_url(url: str) -> str:
    """The URL without `user:password@` or `token@`; the plain user of ssh (`git@`) stays."""
    found = _IN_TEXT.match(url)
    if found is None:
        return url
    return cut_credentials(found[0], found[1], found[2], "") + url[found.end() :]


def mask_urls(text: str, mask: str) -> str:
    """The text with `mask` in place of the credentials of every URL in it."""
    return _IN_TEXT.sub(lambda found: cut_credentials(found[0], found[1], found[2], mask), text)


def cut_credentials(whole: str, scheme: str, user: str, mask: str) -> str:
    """`scheme://user@` without its credentials; `mask` stands in their place."""
    name, colon, _ = user.partition(":")
    kind = scheme.lower()
    if kind in _PLAIN_USER:
        return f"{scheme}://{name}@" if colon else whole
    if not colon and kind not in _TOKEN_USER:
        return whole
    return f"{scheme}://{mask}@" if mask else f"{scheme}://"
