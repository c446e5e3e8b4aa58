"""Text from a repository is a stranger's: made harmless for a terminal, a markdown page, a fence.

Every why, name, path, branch, parameter and label may have been written to move the cursor, to
forge a line of the page, or to break out of a table. Nothing is dropped: it is made visible.
"""

from __future__ import annotations

import re

# Invisible or unusual, and harmless: no-break space, the joiner inside emoji, ideographic space.
_KEPT = frozenset("\u00a0\u200d\u3000")
# What starts markup anywhere in a line. An underscore inside a word and most colons start none,
# and stay, so that the page can also be read as it is written.
_MARKDOWN = re.compile(r"[\\`*\[\]<>{#|~&!$@]|(?<![^\W_])_|_(?![^\W_])|:(?=//|\w+:)|(?<=www)\.")
_LINE_START = re.compile(r"^(\s*)([-+=](?=[-+=\s]|$)|\d+[.)](?=\s|$))")
_FENCES = re.compile(r"`+")


def visible(text: str) -> str:
    """The text on one line, with control, bidirectional and undecodable characters as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _KEPT else _escape(char) for char in text)


def visible_lines(text: str) -> str:
    """As `visible`, with line breaks kept; each line is harmless by itself."""
    return "\n".join(visible(line) for line in text.replace("\r\n", "\n").split("\n"))


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def markdown(text: str) -> str:
    """The text as inline markdown that renders as itself: no HTML, link, mention or table cell.

    Line breaks become `<br>`, the only tag this writes.
    """
    lines = (_markdown_line(visible(line)) for line in text.strip().splitlines())
    return "<br>".join(lines)


def _markdown_line(line: str) -> str:
    return _LINE_START.sub(_entity_after_space, _MARKDOWN.sub(_entity, line))


def _entity(match: re.Match[str]) -> str:
    # Character references are never taken for structure, and not every renderer honours `\|`.
    return f"&#{ord(match[0])};"


def _entity_after_space(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark[:-1]}&#{ord(mark[-1])};"


def fenced(text: str, language: str = "") -> str:
    """A code block of the text, its fence longer than any run of backticks inside."""
    inside = visible_lines(text)
    longest = max((len(run) for run in _FENCES.findall(inside)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{inside}\n{fence}"


def code_span(text: str) -> str:
    """The text in `<code>`, fit for a table cell (a backtick span would end at a `|`)."""
    return f"<code>{markdown(text)}</code>" if text.strip() else ""
