"""Check that every module is covered by its own room's tests.

The tests of a room are the files in tests/<room>/, with what these import of tests/. A module of
the room counts as covered in four cases:

- a test file is named after it: test_lexer.py covers lexer;
- a test file imports it, or a name that it defines, also through a package that exports the name;
- a module that the tests import imports it;
- the docstring of a test file ends with "Modules: lexer, parser."

A module outside of rooms, qmpeer/errors.py, has tests/test_errors.py. The check reads the files and
runs nothing: it finds a forgotten module, not a forgotten line. `make coverage-rooms` measures how
much of each module its own room's tests execute.

Faults, one line each, on standard output: modules that aren't covered, and modules in a docstring
that don't exist. Status 1 if there is a fault.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES_LINE = re.compile(r"^Modules: ([\w.,\s]+)\.\Z", re.MULTILINE)


class Files:
    """The Python files of a folder, by module name.

    Args:
        folder: The folder at which module names begin.
        package: The package below it to look at.
    """

    def __init__(self, folder: Path, package: str) -> None:
        self._docstrings: dict[str, str] = {}
        self._imports: dict[str, list[tuple[str, str]]] = {}
        self._packages = set[str]()
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
                self._packages.add(".".join(parts))
            # Trees aren't kept: the garbage collector would look at all of them again and again.
            tree = ast.parse(path.read_text(encoding="utf-8"))
            self._docstrings[".".join(parts)] = ast.get_docstring(tree) or ""
            self._imports[".".join(parts)] = list(_imports(tree))

    def __contains__(self, name: object) -> bool:
        return name in self._imports

    @cached_property
    def modules(self) -> list[str]:
        """All modules except packages and __main__."""
        return [
            name
            for name in self._imports
            if name not in self._packages and not name.endswith("__main__")
        ]

    def docstring(self, name: str) -> str:
        """Return the docstring of a module."""
        return self._docstrings[name]

    def imports(self, name: str) -> list[tuple[str, str]]:
        """Return the imports of a file: modules, each with an imported name or ""."""
        return self._imports[name]

    def home(self, module: str, name: str) -> str:
        """Return the module that defines a name which a package may export."""
        if f"{module}.{name}" in self._imports:
            return f"{module}.{name}"
        if module in self._packages:
            for origin, given in self.imports(module):
                if given == name and origin != module:
                    return self.home(origin, name)
        return module

    def imported_modules(self, name: str, files: "Files") -> set[str]:
        """Return the modules in this folder that a file imports."""
        homes = {files.home(module, given) for module, given in self.imports(name)}
        return {home for home in homes if home in files}


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the imports; expressions are skipped, since they can't contain one."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(tree, field, ()):
            match node:
                case ast.Import(names=names):
                    yield from ((alias.name, "") for alias in names)
                case ast.ImportFrom(module=str(module), names=names):
                    yield from ((module, alias.name) for alias in names)
                case _:
                    yield from _imports(node)


def faults(sources: Files, tests: Files) -> Iterator[str]:
    """Give the faults."""
    for room in sorted({_room(name) for name in sources.modules}):
        if f"qmpeer.{room}" in sources.modules:
            if f"tests.test_{room}" not in tests:
                yield f"module qmpeer.{room} has no tests/test_{room}.py"
            continue
        modules = [name for name in sources.modules if _room(name) == room]
        own = [name for name in tests.modules if name.startswith(f"tests.{room}.")]
        if not own:
            yield f"room {room} has no tests in tests/{room}/"
            continue
        declared = {name: file for file in own for name in _declared(room, tests.docstring(file))}
        for name in sorted(declared.keys() - set(modules)):
            yield f"{declared[name]} says that it tests {name}, which isn't there"
        direct = _direct(modules, own, sources, tests) | (declared.keys() & set(modules))
        parts = set[str]().union(*(sources.imported_modules(name, sources) for name in direct))
        for name in modules:
            if name not in direct and name not in parts:
                yield f"module {name} is covered by no test in tests/{room}/"


def _room(module: str) -> str:
    return module.split(".")[1]


def _direct(modules: list[str], own: list[str], sources: Files, tests: Files) -> set[str]:
    """Return the modules of a room that its tests import, or are named after."""
    files = _with_helpers(own, tests)
    imported = set[str]().union(*(tests.imported_modules(file, sources) for file in files))
    called = {file.rpartition(".test_")[2] for file in own if ".test_" in file}
    return {name for name in modules if name in imported or name.rpartition(".")[2] in called}


def _with_helpers(own: Iterable[str], tests: Files) -> set[str]:
    """Return test files and the files of tests that they import, directly or not."""
    found, new = set[str](), set(own)
    while new:
        found |= new
        new = set[str]().union(*(tests.imported_modules(file, tests) for file in new)) - found
    return found


def _declared(room: str, docstring: str) -> Iterator[str]:
    for line in MODULES_LINE.findall(docstring.rstrip()):
        yield from (f"qmpeer.{room}.{name.strip()}" for name in line.split(","))


def main() -> int:
    """Print the faults; return the exit status."""
    found = list(faults(Files(ROOT / "src", "qmpeer"), Files(ROOT, "tests")))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
