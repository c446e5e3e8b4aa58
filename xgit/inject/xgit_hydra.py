"""The callback in every Hydra app of a run: writes what was composed and what came of it.

Hydra pickles it to its workers, so it holds nothing. What goes wrong in it becomes an event of
its own, never an exception in the user's program.
"""

from __future__ import annotations

import time

import xgit_ask  # type: ignore[import-not-found]
import xgit_leaves  # type: ignore[import-not-found]
import xgit_spool  # type: ignore[import-not-found]
import xgit_values  # type: ignore[import-not-found]
from hydra.experimental.callback import Callback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


class Capture(Callback):
    """Two events for each job: `hydra_start` with the config, `hydra_end` with the result."""

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Before the task runs, which may change the config it is given, or must not start."""
        try:
            event = _facts(config)
            event.update(xgit_leaves.read(config))
            written = xgit_spool.write(event)
        except Exception as error:
            _trouble("the Hydra config could not be read", error)
            return
        try:
            if written:
                xgit_ask.ask(event["time"])
        except Exception as error:
            _trouble("the guards could not be asked before the task", error)

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """After the task returned or raised; not after sys.exit, a signal or os._exit."""
        try:
            event = {"event": "hydra_end", "time": time.time(), "num": _job_number(config)}
            event["status"] = job_return.status.name
            if job_return.status.name == "COMPLETED":
                # the public property raises the task's own exception again
                found, other = xgit_values.numbers_in(job_return._return_value, "return_value")
                event["values"] = found
                event["other"] = other
            xgit_spool.write(event)
        except Exception as error:
            _trouble("the Hydra return value could not be read", error)


def _facts(config: Any) -> Dict[str, Any]:
    """What Hydra says of the job itself."""
    choices = _select(config, "hydra.runtime.choices") or {}
    mode = _select(config, "hydra.mode")
    return {
        "event": "hydra_start",
        "time": time.time(),
        "num": _job_number(config),
        "id": xgit_values.plain(_select(config, "hydra.job.id")),
        "mode": getattr(mode, "name", None),
        "config_name": xgit_values.plain(_select(config, "hydra.job.config_name")),
        "overrides": [str(item) for item in _select(config, "hydra.overrides.task") or []],
        "choices": {
            str(group): None if choice is None else str(choice)
            for group, choice in choices.items()
            if not str(group).startswith("hydra/")
        },
        "output_dir": xgit_values.plain(_select(config, "hydra.runtime.output_dir")),
        "cwd": xgit_values.plain(_select(config, "hydra.runtime.cwd")),
    }


def _job_number(config: Any) -> Any:
    return xgit_values.plain(_select(config, "hydra.job.num"))


def _select(config: Any, name: str) -> Any:
    """A value of the config, or None where it is missing, unknown or cannot be resolved."""
    from omegaconf import OmegaConf

    try:
        return OmegaConf.select(config, name)
    except Exception:
        return None


def _trouble(what: str, error: Exception) -> None:
    text = "%s: %s: %s" % (what, type(error).__name__, error)
    xgit_spool.write({"event": "trouble", "text": text[:1000]})
