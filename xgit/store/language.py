"""The language of `--where` and `--expect`: a text becomes small functions, or an error.

Python's parser reads the text, a whitelist of nodes is turned into functions of a `Scope`, and
any other node is refused. Nothing is ever handed to `eval`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from xgit.errors import XgitError
from xgit.record.model import Json
from xgit.store.operators import BINARY, COMPARE, FUNCTIONS, UNARY, Missing
from xgit.store.scope import FLAT, Scope, apply, closest, find

LONGEST = 4096
_DEEPEST = 40
_SHOWN = 40
_ONE_WORD = re.compile(r"[^\W\d][\w./-]*")
_NOT_IN = "is not in the language: comparisons, arithmetic, and, or, not, in"


Step = Callable[[Scope], Json]


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: as the user wrote it.
        roots: the names at the head of everything it looks up, such as `metrics`.
        evaluate: its value in a scope; raises `NotPossible` in a strict one.
    """

    text: str
    roots: frozenset[str]
    evaluate: Step = field(repr=False, compare=False)


class Reader:
    """Turns one text into functions, refusing what is not in the language.

    Args:
        option: the option that the text was given to, for messages.
        example: the hint of errors that have no better one.
        names: the roots that are known; None when a bare name is a metric.

    Raises:
        XgitError: the text is not an expression at all.
    """

    def __init__(self, text: str, option: str, example: str, names: Collection[str] | None) -> None:
        self.text = text
        self.option = option
        self.example = example
        self.names = names
        self.roots: set[str] = set()
        self.line = "".join(" " if char in "\r\n\t\f" else char for char in text).strip()
        self.tree = self._tree()

    def expression(self) -> Expression:
        """The whole text as an expression.

        Raises:
            XgitError: a part of it is not in the language, or names what is not known.
        """
        step = self._step(self.tree, 0)
        return Expression(self.text, frozenset(self.roots), step)

    # ------------------------------------------------ errors

    def refuse(self, node: ast.expr | None, problem: str, hint: str | None = None) -> NoReturn:
        """Raise, with the place in the text when there is a node."""
        lead = ""
        if node is not None:
            start = len(self.line.encode()[: node.col_offset].decode())
            lead = _place(start, self._source(node))
        raise XgitError(f"{self.option}: {lead}{problem}", hint or self.example)

    def _source(self, node: ast.expr) -> str:
        return self.line.encode()[node.col_offset : node.end_col_offset].decode()

    # ------------------------------------------------ the text

    def _tree(self) -> ast.expr:
        if len(self.text) > LONGEST:
            self.refuse(None, f"the expression is longer than {LONGEST} characters")
        if not self.line:
            self.refuse(None, "the expression is empty")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.line, mode="eval").body
        except SyntaxError as error:
            self._refuse_syntax(error)
        except (RecursionError, MemoryError):
            self.refuse(None, "the expression is nested too deep")
        except ValueError:
            self.refuse(None, "the expression holds a character that no name or text can have")

    def _refuse_syntax(self, error: SyntaxError) -> NoReturn:
        at = error.offset - 1 if error.offset else len(self.line)  # 0 stands for the end
        problem = "is where it stops being an expression"
        hint = _advice(self.line, error.msg) or self.example
        if not self.line[at:].strip():
            raise XgitError(f"{self.option}: the expression ends too early", hint)
        raise XgitError(f"{self.option}: {_place(at, self.line[at:])}{problem}", hint)

    # ------------------------------------------------ the nodes

    def _step(self, node: ast.expr, depth: int) -> Step:
        if depth > _DEEPEST:
            self.refuse(None, "the expression is nested too deep")
        read = _READERS.get(type(node))
        if read is None:
            self.refuse(node, _NOT_IN)
        return read(self, node, depth + 1)

    def _steps(self, nodes: Collection[ast.expr], depth: int) -> list[Step]:
        return [self._step(node, depth) for node in nodes]

    def _list(self, node: ast.List | ast.Tuple, depth: int) -> Step:
        parts = self._steps(node.elts, depth)
        return lambda scope: [part(scope) for part in parts]

    def _constant(self, node: ast.Constant, _depth: int) -> Step:
        value = node.value
        if value is not None and not isinstance(value, bool | int | float | str):
            self.refuse(node, "is not a number, a text, True, False or None")
        return lambda scope: value

    def _bool(self, node: ast.BoolOp, depth: int) -> Step:
        parts = self._steps(node.values, depth)
        fold = all if isinstance(node.op, ast.And) else any
        return lambda scope: fold(part(scope) for part in parts)

    def _compare(self, node: ast.Compare, depth: int) -> Step:
        operands = self._steps([node.left, *node.comparators], depth)
        acts = [COMPARE.get(type(op)) for op in node.ops]
        if None in acts:
            self.refuse(node, "compares with `is`", "write == or !=")
        links = list(zip(acts, operands[:-1], operands[1:], strict=True))

        def compare(scope: Scope) -> bool:
            for act, left, right in links:
                assert act is not None
                answer = apply(act, scope, left(scope), right(scope))
                if isinstance(answer, Missing) or not answer:
                    return False
            return True

        return compare

    def _binary(self, node: ast.BinOp, depth: int) -> Step:
        act = BINARY.get(type(node.op))
        if act is None:
            self.refuse(node, _NOT_IN, "write and, or, not")
        joint = self._joint_name(node)
        left, right = self._step(node.left, depth), self._step(node.right, depth)

        def binary(scope: Scope) -> Json:
            if joint is not None and joint in scope.values["metrics"]:
                return scope.values["metrics"][joint]
            return apply(act, scope, left(scope), right(scope))

        return binary

    def _joint_name(self, node: ast.BinOp) -> str | None:
        """`val/acc` and `val-acc`, which Python reads as two names, may be the name of one metric.

        In an expectation the metric of that name wins, if there is one; beside an explicit
        `metrics.` the reading is too doubtful, and refused.
        """
        source = self._source(node)
        if not isinstance(node.op, ast.Div | ast.Sub) or not _ONE_WORD.fullmatch(source):
            return None
        head, _, tail = source.partition(".")
        right = _path(node.right)[0]
        known = self.names if self.names is not None else FLAT
        if head in FLAT and right is not None and right not in known:
            self.refuse(node, "is read as two names", f'write {head}["{tail}"] where it is one')
        return source if self.names is None else None

    def _unary(self, node: ast.UnaryOp, depth: int) -> Step:
        operand = self._step(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda scope: not operand(scope)
        act = UNARY.get(type(node.op))
        if act is None:
            self.refuse(node, _NOT_IN, "write not")
        return lambda scope: apply(act, scope, operand(scope))

    def _call(self, node: ast.Call, depth: int) -> Step:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            known = f"known functions are: {', '.join(FUNCTIONS)}"
            self.refuse(node.func, "is no function of the language", known)
        fewest, most, act = FUNCTIONS[name]
        if node.keywords or not fewest <= len(node.args) <= most:
            self.refuse(node, f"does not have the arguments that {name} takes")
        parts = self._steps(node.args, depth)
        return lambda scope: apply(act, scope, *(part(scope) for part in parts))

    # ------------------------------------------------ names

    def _lookup(self, node: ast.expr, _depth: int) -> Step:
        root, rest = _path(node)
        if root is None:
            self.refuse(node, _NOT_IN, 'names look like metrics.accuracy or metrics["val/acc"]')
        if self.names is None and root not in FLAT:
            root, rest = "metrics", [root, *rest]
        elif self.names is not None and root not in self.names:
            self._refuse_name(node, root, self.names)
        if rest and root not in (*FLAT, "labels"):
            self.refuse(node, f"looks inside {root}, which is one value")
        self.roots.add(root)
        if not rest:
            return lambda scope: scope.values[root]
        return lambda scope: find(scope, root, rest)

    def _refuse_name(self, node: ast.expr, name: str, names: Collection[str]) -> NoReturn:
        near = closest(name, names)
        advice = f"did you mean {near}?" if near else f"is it metrics.{name} or params.{name}?"
        self.refuse(node, "is not a known name", f"{advice} known are: {', '.join(sorted(names))}")


_READERS: Mapping[type[ast.expr], Callable[[Reader, Any, int], Step]] = {
    ast.Attribute: Reader._lookup,
    ast.BinOp: Reader._binary,
    ast.BoolOp: Reader._bool,
    ast.Call: Reader._call,
    ast.Compare: Reader._compare,
    ast.Constant: Reader._constant,
    ast.List: Reader._list,
    ast.Name: Reader._lookup,
    ast.Subscript: Reader._lookup,
    ast.Tuple: Reader._list,
    ast.UnaryOp: Reader._unary,
}


def _place(start: int, source: str) -> str:
    part = source if len(source) <= _SHOWN else source[:_SHOWN] + "…"
    return f"at character {start + 1}, {part!r} "


def _advice(line: str, said: str) -> str | None:
    from keyword import iskeyword

    reserved = next((word for word in re.findall(r"\.(\w+)", line) if iskeyword(word)), None)
    if reserved:
        return f'{reserved} is a word of the language: write params["…{reserved}"]'
    if "'=='" in said or re.search(r"(?<![=!<>])=(?!=)", line):
        return "write == to compare"
    if re.search(r"&&|\|\||!(?!=)", line):
        return "write and, or, not"
    return None


def _path(node: ast.expr) -> tuple[str | None, list[str | int]]:
    """`params.model["name"]` as its root and the rest; the root is None for anything else."""
    parts: list[str | int] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner, attr=name):
                parts.append(name)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() | int() as key)):
                parts.append(key)
            case _:
                return None, []
        node = inner
    return node.id, parts[::-1]
