"""Adds xgit's callback to every Hydra app of a run, through Hydra's own search path.

Hydra imports every module of `hydra_plugins` at its start, and an exception here would end the
user's program: without a spool, or with a Hydra that has no callbacks, there is no plugin at all.
"""

from __future__ import annotations

import os

_CONF = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "conf")


def _can_help() -> bool:
    """Whether this process belongs to a run and this Hydra knows callbacks (1.1 and later)."""
    if not os.environ.get("XGIT_SPOOL") or not os.path.isdir(_CONF):
        return False
    from importlib.util import find_spec

    from hydra.conf import HydraConf

    return "callbacks" in HydraConf.__dataclass_fields__ and find_spec("xgit_hydra") is not None


try:
    if _can_help():
        from hydra.plugins.search_path_plugin import SearchPathPlugin

        class XgitSearchPath(SearchPathPlugin):
            """Puts `hydra/env/default.yaml` of xgit before Hydra's own, which is empty."""

            def manipulate_search_path(self, search_path):
                """Prepend the directory, and say in the spool that a Hydra app was started."""
                try:
                    import xgit_spool

                    search_path.prepend(provider="xgit", path="file://" + _CONF)
                    xgit_spool.write({"event": "hydra_seen"})
                except Exception:
                    pass
except Exception:
    pass
