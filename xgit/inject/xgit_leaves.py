"""A Hydra config leaf by leaf: as written, as resolved, and which variables each leaf read."""

from __future__ import annotations

import os
import re
import sys

import xgit_values  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set

MOST_VALUES = 50_000
_GENERATORS = (("random", "getstate", "setstate"), ("numpy.random", "get_state", "set_state"))
_VARIABLE = re.compile(r"\$\{\s*(?:oc\.)?env\s*:\s*['\"]?([A-Za-z_][A-Za-z0-9_]*)")


def read(config: Any) -> Dict[str, Any]:
    """The parts of a `hydra_start` event that tell the config; the config is not changed.

    Returns:
        `text` YAML as written without the node `hydra` · `leaves` dotted name to JSON value ·
        `raw` the text of values with an interpolation · `unresolved` name to error text ·
        `env` variable to value or None · `env_leaves` name to the variables read for it ·
        `env_required` the variables read without a default.
    """
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(config, resolve=False)  # type: Any
    mentioned = set()  # type: Set[str]
    _find_variables(tree, mentioned)
    tree.pop("hydra", None)
    walk = _Walk()
    with _Untouched():
        resolved = {
            str(xgit_values.plain(key)): walk.value(config, key, raw, _name("", key), 0)
            for key, raw in tree.items()
        }
    for names in walk.env_leaves.values():
        mentioned.update(names)
    return {
        "text": _text(config, list(tree)),
        "leaves": dict(xgit_values.leaves(resolved)),
        "raw": walk.raw,
        "unresolved": walk.unresolved,
        "env": {name: os.environ.get(name) for name in sorted(mentioned)},
        "env_leaves": walk.env_leaves,
        "env_required": sorted(walk.env_required),
    }


class _Walk:
    """One pass over a config; each interpolation is resolved once."""

    def __init__(self) -> None:
        self.raw = {}  # type: Dict[str, str]
        self.unresolved = {}  # type: Dict[str, str]
        self.env_leaves = {}  # type: Dict[str, List[str]]
        self.env_required = set()  # type: Set[str]
        self.count = 0
        self.open = []  # type: List[Any]  # the containers being walked

    def value(self, node: Any, key: Any, raw: Any, name: str, depth: int) -> Any:
        """The JSON form of `node[key]`, whose unresolved form is `raw`."""
        self.count += 1
        if self.count > MOST_VALUES:
            raise OverflowError("the config has more than %d values" % MOST_VALUES)
        if isinstance(raw, (dict, list)):
            return self.container(node[key], raw, name, depth + 1)
        if isinstance(raw, str) and "${" in raw:
            return self.interpolation(node, key, raw, name, depth)
        return xgit_values.plain(raw)

    def container(self, node: Any, raw: Any, name: str, depth: int) -> Any:
        """A whole dict or list."""
        if depth > xgit_values.DEEPEST:
            self.unresolved[name] = "nested too deep"
            return None
        self.open.append(node)
        try:
            if isinstance(raw, dict):
                return {
                    str(xgit_values.plain(key)): self.value(
                        node, key, item, _name(name, key), depth
                    )
                    for key, item in raw.items()
                }
            return [self.value(node, i, item, _name(name, i), depth) for i, item in enumerate(raw)]
        finally:
            self.open.pop()

    def interpolation(self, node: Any, key: Any, raw: str, name: str, depth: int) -> Any:
        """What `${…}` stands for: a scalar, or another part of the config."""
        from omegaconf import OmegaConf

        self.raw[name] = raw
        with _WatchedVariables(self.env_required) as names:
            try:
                value = node[key]
            except Exception as error:
                first = (str(error).splitlines() or [""])[0]
                self.unresolved[name] = "%s: %s" % (type(error).__name__, first[:500])
                return raw
            finally:
                if names:
                    self.env_leaves[name] = sorted(names)
        if any(value is above for above in self.open):
            self.unresolved[name] = "it is a part of itself"
            return raw
        if OmegaConf.is_config(value):
            inner = OmegaConf.to_container(value, resolve=False)
            if isinstance(inner, (dict, list)):
                return self.container(value, inner, name, depth + 1)
        return xgit_values.plain(value)


class _WatchedVariables:
    """Notes which variables `oc.env` is asked for, also through other leaves and nested names.

    Args:
        required: gets those that are asked for without a default.
    """

    def __init__(self, required: Set[str]) -> None:
        self.names = set()  # type: Set[str]
        self.required = required
        self.table = None  # type: Any
        self.own = None  # type: Any

    def __enter__(self) -> Set[str]:
        try:
            from omegaconf.basecontainer import BaseContainer

            self.table = BaseContainer._resolvers
            self.own = self.table["oc.env"]
            self.table["oc.env"] = self._watch
        except Exception:
            self.own = None  # another omegaconf: the names found in the text have to do
        return self.names

    def _watch(self, config: Any, parent: Any, node: Any, args: Any, args_str: Any) -> Any:
        if args:
            self.names.add(str(args[0]))
        if len(args) == 1:
            self.required.add(str(args[0]))
        return self.own(config, parent, node, args, args_str)

    def __exit__(self, *failure: object) -> None:
        if self.own is not None:
            self.table["oc.env"] = self.own


class _Untouched:
    """Puts the random generators back, should a resolver have drawn from them."""

    def __enter__(self) -> None:
        self.states = []  # type: List[Any]
        for name, get, put in _GENERATORS:
            if name in sys.modules:
                module = sys.modules[name]
                self.states.append((getattr(module, put), getattr(module, get)()))

    def __exit__(self, *failure: object) -> None:
        for put, state in self.states:
            put(state)


def _find_variables(tree: Any, names: Set[str]) -> None:
    if isinstance(tree, dict):
        for value in tree.values():
            _find_variables(value, names)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            _find_variables(value, names)
    elif isinstance(tree, str) and "env" in tree:
        names.update(_VARIABLE.findall(tree))


def _name(above: str, key: Any) -> str:
    text = str(xgit_values.plain(key))
    return "%s.%s" % (above, text) if above else text


def _text(config: Any, keys: List[Any]) -> str | None:
    """The YAML that `.hydra/config.yaml` has, or None where omegaconf cannot write it."""
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_yaml(OmegaConf.masked_copy(config, keys))
    except Exception:
        return None
