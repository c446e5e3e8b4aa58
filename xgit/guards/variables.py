"""`variables`: what a config reads through `${oc.env:NAME}` without a default.

At the commit stage it must be declared, so that others know what they need; at the run stage it
must be set, or the program would fail when it comes to that value.
"""

from __future__ import annotations

from collections.abc import Iterator

from xgit.guards.quoting import pathspec, shell_word
from xgit.record.model import Json, RepoState, RequiredVariable, Violation
from xgit.settings import DEFAULT_VARIABLES

ID = "variables"
STAGES = ("commit", "run")
NEEDS = ("config", "config-files", "required-variables")
REASON = "a config that needs a variable which nobody knows of cannot be run"
OPTIONS: dict[str, Json] = {"declared": []}
_SHOWN = 3


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each variable: undeclared in what is staged, unset for the run."""
    return (*_undeclared(state), *_unset(state))


# ---------------------------------------------------------------- declared


def _undeclared(state: RepoState) -> Iterator[Violation]:
    known = {*DEFAULT_VARIABLES, *_declared(state)}
    wanted = [one for one in state.required_variables if one.name not in known]
    for one in wanted:
        subject = f"{one.name} ({one.path}:{one.line}) is not declared"
        if one.declare_in:
            yield Violation(ID, subject, _declaration(wanted))
        else:
            other = "or add it to the list `declared` of [tool.xgit.guards.variables]"
            unstage = f"git reset --quiet -- {pathspec(one.path).removeprefix('-- ')}"
            yield Violation(ID, subject, unstage, other)


def _declared(state: RepoState) -> list[str]:
    names = state.options.get(ID, OPTIONS)["declared"]
    return [str(name) for name in names] if isinstance(names, list) else []


def _declaration(wanted: list[RequiredVariable]) -> str:
    """Declares all of them; a second time it adds nothing."""
    file = wanted[0].declare_in
    header = "[guards.variables]" if file == "xgit.toml" else "[tool.xgit.guards.variables]"
    names = ", ".join(f'"{one.name}"' for one in wanted)
    table = shell_word(f"\\n{header}\\ndeclared = [{names}]\\n")
    append = f"printf {table} >> {file}"
    if len(wanted) > 1:
        append = f"{{ grep -qsF {shell_word(header)} {file} || {append}; }}"
    return f"{append} && git add {file}"


# ---------------------------------------------------------------- set


def _unset(state: RepoState) -> Iterator[Violation]:
    if state.config is None:
        return
    for name, value in state.config.variables.items():
        if value is None:
            readers = state.config.readers.get(name, ())
            where = f" (config {_listed(readers)})" if readers else ""
            yield Violation(ID, f"{name}{where} is not set", f"export {shell_word(name)}=VALUE")


def _listed(readers: tuple[str, ...]) -> str:
    more = f" and {len(readers) - _SHOWN} more" if len(readers) > _SHOWN else ""
    return ", ".join(readers[:_SHOWN]) + more
