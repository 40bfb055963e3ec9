"""Assignments of literals in a Python file, read from its syntax tree: the file is never executed."""

import ast
from pathlib import PurePath

from pointclip.errors import InputError

VARIABLES = ("best_prompt_weight", "best_prompt", "best_vweight")  # dicts with strings as keys


def literals(content: bytes, path: PurePath) -> dict[tuple[str, str], tuple[object, int]]:
    """{(variable, key): (value, line)} of the dicts `VARIABLES`; as in Python, later values override earlier ones.

    Two forms are supported: `best_prompt = {"a": …}`, and `best_prompt["a"] = …`.

    Raises:
        InputError: naming file and line, if the file contains anything else except comments and docstrings.
    """
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        raise _error(path, error.lineno or 1, f"this is not Python ({error.msg})") from error
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, or excessive nesting
        raise _error(path, 1, "this cannot be parsed") from error
    found: dict[tuple[str, str], tuple[object, int]] = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            raise _error(path, node.lineno, "this is not an assignment of a literal")
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in VARIABLES and isinstance(node.value, ast.Dict):
            found = {name: entry for name, entry in found.items() if name[0] != target.id}
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                name = (target.id, _text(key, path, node.lineno))
                if name in found:
                    raise _error(path, value.lineno, f"the key {name[1]!r} is set twice")
                found[name] = (_literal(value, path), value.lineno)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in VARIABLES:
            name = (target.value.id, _text(target.slice, path, node.lineno))
            found[name] = (_literal(node.value, path), node.lineno)
        else:
            raise _error(path, node.lineno, f"this sets something other than {', '.join(VARIABLES)}")
    return found


def _text(node: ast.expr | None, path: PurePath, line: int) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _error(path, getattr(node, "lineno", line), "a key is not a string")


def _literal(node: ast.expr, path: PurePath) -> object:
    """A string, a number, or a list of those; the syntax tree is checked before it is evaluated."""
    for child in node.elts if isinstance(node, ast.List) else [node]:
        number = child.operand if isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.USub) else child
        if not isinstance(number, ast.Constant) or type(number.value) not in (str, int, float):
            raise _error(path, child.lineno, "this is not a string, a number or a list of those")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:  # such as minus a string
        raise _error(path, node.lineno, "this is not a literal") from error


def _error(path: PurePath, line: int, what: str) -> InputError:
    return InputError(f"{path}, line {line}: {what}; nothing was executed or written, give the file as published.")
