"""Pages of facts, compared with the code: environment variables, exit codes, log names, limits."""

import ast
import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.cli import exits
from qmpeer.cli.main import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "qmpeer"
API = ROOT / "docs" / "api"
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR"}


def rows(page: str) -> Iterator[list[str]]:
    """Give the cells of each row of a page's tables."""
    for line in (API / page).read_text().splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def trees(*words: str) -> Iterator[ast.Module]:
    """Give the modules that contain one of the words."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text()
        if any(word in text for word in words):
            yield ast.parse(text, str(path))


# --- Environment variables ----------------------------------------------------------------------


def variables(tree: ast.Module) -> Iterator[str]:
    """Give the environment variables that a module reads."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=of, attr="get" | "pop"),
                args=[ast.Constant(value=str(name)), *_],
            ) if is_environment(of):
                yield name
            case ast.Subscript(value=of, slice=ast.Constant(value=str(name))) if is_environment(of):
                yield name
            case ast.Compare(
                left=ast.Constant(value=str(name)), ops=[ast.In()], comparators=[of]
            ) if is_environment(of):
                yield name
            case ast.Dict(keys=[ast.Constant(value=str(name)), None], values=[_, of]) if (
                is_environment(of)
            ):
                yield name
            case ast.Attribute(attr="expanduser"):
                yield "HOME"


def is_environment(of: ast.expr) -> bool:
    return ast.unparse(of) in ("os.environ", "environ", "environment")


def test_every_environment_variable() -> None:
    read = {name for tree in trees("environ", "expanduser") for name in variables(tree)}
    listed = [name for row in rows("environment.md") for name in re.findall(r"`(\w+)`", row[0])]

    assert sorted(listed) == sorted(read)


# --- Exit codes ---------------------------------------------------------------------------------


def test_every_exit_code() -> None:
    codes = {
        value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)
    }
    listed = [int(row[0]) for row in rows("exit-codes.md") if row[0].isdigit()]

    assert sorted(listed) == sorted(codes)


def test_exit_codes_of_every_subcommand() -> None:
    listed = {
        name.split()[0]
        for row in rows("exit-codes.md")
        if len(row) == 4
        for name in re.findall(r"`([\w -]+)`", row[0])
    }
    assert listed == set(SUBCOMMANDS)


# --- Log names ----------------------------------------------------------------------------------


def levels(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Give each logger of a module with a level at which it writes there."""
    names = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "getLogger"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value != "qmpeer"  # all of them
    ]
    for name in names:
        yield str(name), ""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in (*LEVELS, "exception"):
                of = ast.unparse(node.value)
                if re.fullmatch(r"(self\.)?_?log(ger)?|logging\.getLogger\(.*\)", of):
                    yield str(name), LEVELS.get(node.attr, "ERROR")


def test_every_log_name_and_its_levels() -> None:
    written = defaultdict[str, set[str]](set)
    for tree in trees("getLogger"):
        for name, level in levels(tree):
            written[name].update({level} - {""})
    listed = {
        row[0].strip("`"): {
            level for level, cell in zip(LEVELS.values(), row[1:], strict=True) if cell != "–"
        }
        for row in rows("logging.md")
        if row[0].startswith("`")
    }
    assert listed == written


# --- Limits -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limit_groups() -> Any:
    """The extension of the documentation that reads the limits."""
    path = ROOT / "docs" / "extensions" / "limit_groups.py"
    spec = importlib.util.spec_from_file_location("limit_groups", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_limit_says_what_it_limits_and_where_it_comes_from(limit_groups: Any) -> None:
    found = [limit for _, group in limit_groups.groups() for limit in group]

    assert [limit.name for limit in found] == [
        n for n in vars(limits) if re.fullmatch("[A-Z_0-9]+", n)
    ]
    assert [limit.name for limit in found if not limit.about] == []
    assert [limit.name for limit in found if not limit.source] == []


def test_every_group_of_limits_is_on_one_page(limit_groups: Any) -> None:
    listed = [
        head
        for page in API.glob("limits*.md")
        for block in re.findall(r"^```\{limits\}\n(.*?)^```$", page.read_text(), re.M | re.DOTALL)
        for head in block.splitlines()
    ]
    heads = [limit_groups.head_of(title) for title, _ in limit_groups.groups()]

    assert sorted(listed) == sorted(heads)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("MESSAGE_SIZE", "128\N{NO-BREAK SPACE}MiB"),
        ("EVENTS_KEPT", "4,096"),
        ("CONNECT_TIMEOUT", "10"),
        ("LINGER", "100 µs"),
    ],
)
def test_values_are_shown_for_people(limit_groups: Any, name: str, shown: str) -> None:
    found = {limit.name: limit for _, group in limit_groups.groups() for limit in group}

    assert limit_groups.shown(found[name]) == shown
