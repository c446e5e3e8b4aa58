"""Where each experiment stands: whether it was shown to repeat, and what is still owed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from xgit.git.plumbing import Repo
from xgit.git.references import ref_ids
from xgit.record import refs
from xgit.record.model import Broken, Summary
from xgit.record.verdict import VerdictSummary
from xgit.store.experiments import list_summaries
from xgit.store.verdicts import is_stale, list_verdicts, newest

Kind = Literal["none", "stale", "different", "failed", "weak", "broken", "unreadable"]
"""What is owed. `none`: no verdict · `stale`: all are about an earlier tag of that name ·
`different`, `failed`: what the latest says · `weak`: reproduced in the environment at hand alone ·
`broken`: no verdict can be read · `unreadable`: the experiment itself cannot be read."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Standing(NamedTuple):
    """What the verdicts on one experiment come to.

    Attributes:
        owed: None where it was reproduced.
        latest: the one that counts, or None.
        stale: `latest` is about another tag object.
        verdicts: how many can be read.
        broken: the tags that cannot be read.
    """

    owed: Kind | None = "none"
    latest: VerdictSummary | None = None
    stale: bool = False
    verdicts: int = 0
    broken: tuple[Broken, ...] = ()

    @property
    def word(self) -> str | None:
        """The result of the latest, or `stale`, `unreadable`, or None without any."""
        if self.latest is None:
            return "unreadable" if self.broken else None
        return "stale" if self.stale else self.latest.result


NOTHING_TRIED = Standing()


class Debtor(NamedTuple):
    """An experiment that was not shown to repeat."""

    experiment: Summary | Broken
    kind: Kind
    standing: Standing


class Debt(NamedTuple):
    """What is owed in a repository.

    Attributes:
        debtors: the newest first.
        reproduced: how many experiments are not among them.
        unfinished: how many did not complete; nothing is owed for these.
        broken: all tags of verdicts that cannot be read.
    """

    debtors: tuple[Debtor, ...]
    reproduced: int
    unfinished: int
    broken: tuple[Broken, ...]


def standing(rows: Sequence[VerdictSummary | Broken], tag: str | None) -> Standing:
    """What the verdicts on one experiment come to, as `list_verdicts` has them.

    The latest on the tag as it is now counts. Where that one reused the environment at hand, an
    earlier one that built its own makes up for it, unless something else came out in between.

    Args:
        tag: the id of the experiment's tag object.
    """
    broken = tuple(row for row in rows if isinstance(row, Broken))
    fine = [row for row in rows if isinstance(row, VerdictSummary)]
    fresh = [row for row in fine if not is_stale(row, tag)]
    latest = newest(fresh) or newest(fine)
    if latest is None:
        return Standing("broken" if broken else "none", broken=broken)
    owed: Kind | None = _owed(fresh) if fresh else "stale"
    return Standing(owed, latest, not fresh, len(fine), broken)


def _owed(fresh: Sequence[VerdictSummary]) -> Kind | None:
    match fresh[-1].result:
        case "different" | "failed" as result:
            return result
    for one in reversed(fresh):
        if not one.reproduced:
            break
        if one.environment != "here":
            return None
    return "weak"


def standings(repo: Repo, ids: Iterable[str] | None = None) -> dict[str, Standing]:
    """Where each experiment stands that has a verdict.

    Args:
        ids: of the experiments that matter; None for all.
    """
    found = list_verdicts(repo, ids)
    if not found:
        return {}
    tags = ref_ids(repo, refs.EXPERIMENT_PREFIX)
    return {
        one: standing(rows, tags.get(refs.EXPERIMENT_PREFIX + one)) for one, rows in found.items()
    }


def debt_of(rows: Iterable[Summary | Broken], found: Mapping[str, Standing]) -> Debt:
    """What is owed, of experiments as `list_summaries` has them, in their order."""
    debtors: list[Debtor] = []
    reproduced = unfinished = 0
    for row in rows:
        own = found.get(row.id, NOTHING_TRIED)
        if isinstance(row, Broken):
            debtors.append(Debtor(row, "unreadable", own))
        elif row.status != "completed":
            unfinished += 1
        elif own.owed is None:
            reproduced += 1
        else:
            debtors.append(Debtor(row, own.owed, own))
    broken = tuple(one for own in found.values() for one in own.broken)
    return Debt(tuple(debtors), reproduced, unfinished, broken)


def debt(repo: Repo) -> Debt:
    """What is owed in the repository; the tags tell, and no record is opened."""
    return debt_of(list_summaries(repo, deep=False), standings(repo))
