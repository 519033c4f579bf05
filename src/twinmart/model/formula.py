"""Formulas that people write over figures: names, numbers, + - * / and brackets. Read here, worked out here, no SQL."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# A formula that people can still read; it also keeps the tree flat enough to walk.
LONGEST = 500

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that can be worked out of named figures."""

    text: str
    names: frozenset[str]
    _root: ast.expr

    def value(self, figures: Mapping[str, float | None]) -> float | None:
        """Return its value; None where a figure is not known or a divisor is zero.

        >>> parse("(a - b) / a").value({"a": 4, "b": 1})
        0.75
        """
        return _value(self._root, figures)


def parse(text: str) -> Formula:
    """Read a formula.

    Raises:
        ValueError: it holds anything but names, numbers, + - * / and brackets, or is too long; the text says what.

    >>> sorted(parse("(accepted + abandoned) / entered").names)
    ['abandoned', 'accepted', 'entered']
    """
    if len(text) > LONGEST:
        raise ValueError(f"a formula has at most {LONGEST} characters")
    try:
        root = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f'"{text}" cannot be read as a formula') from None
    for node in ast.walk(root):
        if not _is_allowed(node):
            raise ValueError(f'"{ast.unparse(node)}" cannot stand in a formula of names, numbers, + - * / and brackets')
    names = frozenset(node.id for node in ast.walk(root) if isinstance(node, ast.Name))
    if not names:
        raise ValueError("a formula names at least one measure")
    return Formula(text, names, root)


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in _OPERATORS
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool) and abs(node.value) < 1e12
    return isinstance(node, ast.Name | ast.Load | ast.USub | ast.Add | ast.Sub | ast.Mult | ast.Div)


def _value(node: ast.expr, figures: Mapping[str, float | None]) -> float | None:
    if isinstance(node, ast.Constant):
        return float(str(node.value))
    if isinstance(node, ast.Name):
        known = figures[node.id]
        return None if known is None else float(known)
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, figures)
        return None if inner is None else -inner
    assert isinstance(node, ast.BinOp)  # noqa: S101  parse lets nothing else through
    left, right = _value(node.left, figures), _value(node.right, figures)
    if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
        return None
    return _OPERATORS[type(node.op)](left, right)
