"""Where the files lie that `xgit demo` and `xgit init` lay down: templates, and git's hooks."""

from __future__ import annotations

from pathlib import Path


def template(name: str) -> Path:
    """The directory of a template, or `hooks`: in the installed package, or in the checkout.

    Raises:
        FileNotFoundError: there is no such template.
    """
    own = Path(__file__).parent
    for place in (own / "_templates", own.parent / "templates", own.parent):
        if (place / name).is_dir():
            return place / name
    raise FileNotFoundError(f"no template {name}")
