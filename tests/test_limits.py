"""The limits: each has a source and a plausible value."""

import ast
import inspect
import re
from itertools import pairwise
from typing import Final

import pytest

from qmpeer import limits

LIMITS: Final = sorted(name for name in vars(limits) if name.isupper())


def _described() -> dict[str, str]:
    """Return the string after each assignment of the module."""
    body = ast.parse(inspect.getsource(limits)).body
    found: dict[str, str] = {}
    for node, following in pairwise(body):
        match node, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = text
            case _:
                pass
    return found


DESCRIBED: Final = _described()


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_positive_and_says_whose_it_is(name: str) -> None:
    assert getattr(limits, name) > 0
    assert re.search(r"\b(Ours|QEMU|Linux|UDP|qmp-spec)\b", DESCRIBED.get(name, ""))
