"""Assignments of literals in a Python file, read from its syntax tree: nothing of the file is ever run."""

import ast
from pathlib import PurePath

from pointclip.errors import InputError

VARIABLES = ("best_prompt_weight", "best_prompt", "best_vweight")  # dicts with texts as keys


def literals(content: bytes, place: PurePath) -> dict[tuple[str, str], tuple[object, int]]:
    """{(variable, key): (value, line)} of the dicts `VARIABLES`; as in Python, a later value of a key wins.

    Two forms are understood: `best_prompt = {"a": …}`, and `best_prompt["a"] = …`.

    Raises:
        InputError: naming file and line, when anything else is in the file but comments and texts that stand alone.
    """
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        raise _odd(place, error.lineno or 1, f"this is not Python ({error.msg})") from error
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; deeper nested than any real file
        raise _odd(place, 1, "this cannot be parsed") from error
    found: dict[tuple[str, str], tuple[object, int]] = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            raise _odd(place, node.lineno, "this is no assignment of a literal")
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in VARIABLES and isinstance(node.value, ast.Dict):
            found = {name: entry for name, entry in found.items() if name[0] != target.id}
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                name = (target.id, _text(key, place, node.lineno))
                if name in found:
                    raise _odd(place, value.lineno, f"the key {name[1]!r} comes twice")
                found[name] = (_literal(value, place), value.lineno)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in VARIABLES:
            name = (target.value.id, _text(target.slice, place, node.lineno))
            found[name] = (_literal(node.value, place), node.lineno)
        else:
            raise _odd(place, node.lineno, f"this sets something else than {', '.join(VARIABLES)}")
    return found


def _text(node: ast.expr | None, place: PurePath, line: int) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _odd(place, getattr(node, "lineno", line), "a key is no text in quotes")


def _literal(node: ast.expr, place: PurePath) -> object:
    """A list of texts or numbers, or one of those alone; what is in it is looked at before anything is made of it."""
    for child in node.elts if isinstance(node, ast.List) else [node]:
        number = child.operand if isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.USub) else child
        if not isinstance(number, ast.Constant) or type(number.value) not in (str, int, float):
            raise _odd(place, child.lineno, "this is no text, no number and no list of those")
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:  # such as minus a text
        raise _odd(place, node.lineno, "this is no literal") from error


def _odd(place: PurePath, line: int, what: str) -> InputError:
    return InputError(f"{place}, line {line}: {what}; nothing was run or written, give the file as it was published.")
