"""YAML of strangers as a node graph, without the recursion that brings the fast parser down.

The C composer of PyYAML recurses for each level and ends the process (a segmentation fault) on
some thousands of them; its event parser does not. So the depth is measured by events first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

DEEPEST = 100


def compose(text: str) -> yaml.Node | None:
    """The root node of the one document in the text, None for an empty one; no tag is evaluated.

    Raises:
        yaml.YAMLError: it is not valid, or nested deeper than 100 levels; a MarkedYAMLError
            tells its line.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark: Any = event.start_mark
                problem = f"nested deeper than {DEEPEST} levels"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    root: yaml.Node | None = yaml.compose(text, loader)
    return root
