"""Check that every import inside a function has a reason.

The reason is a comment on the line of the import, and begins with one of three texts::

    # asyncio stays out of the blocking client
    # optional extra: NAME
    # start: N ms

The last one is for imports that cost a common start 5 ms or more: of a command, of `import qmpeer`,
of the pytest plugin. The check reads the files and runs nothing.

On standard output: the imports without a reason, one line each, then the number of imports inside
functions for each reason. Status 1 if one has no reason.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
REASONS = {
    "asyncio": re.compile(r"# asyncio stays out of the blocking client(?!\w)"),
    "optional extra": re.compile(r"# optional extra: [a-z][\w-]*"),
    "start": re.compile(r"# start: \d+(?:\.\d+)? ms(?!\w)"),
}
NONE = "without a reason"


class Inner(NamedTuple):
    """An import inside a function: its line, the imported names, and its reason."""

    line: int
    text: str
    reason: str


def inner_imports(source: str) -> Iterator[Inner]:
    """Give the imports inside functions, in the order of the file."""
    nodes = list(_imports(ast.parse(source), is_inner=False))
    comments = _comments(source) if nodes else {}
    for node in nodes:
        comment = comments.get(node.lineno, "")
        found = (reason for reason, pattern in REASONS.items() if pattern.match(comment))
        yield Inner(node.lineno, ast.unparse(node), next(found, NONE))


def _comments(source: str) -> dict[int, str]:
    """Return the comment of each line that has one."""
    return {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }


def _imports(tree: ast.AST, *, is_inner: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports inside functions; expressions are skipped, since they contain none."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(tree, field, ()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                if is_inner:
                    yield node
            else:
                is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from _imports(node, is_inner=is_inner or is_function)


def report(folder: Path, root: Path) -> tuple[list[str], Counter[str]]:
    """Return a line for each import without a reason, and the number of imports for each reason."""
    faults: list[str] = []
    counts = Counter[str]()
    for path in sorted(folder.rglob("*.py")):
        for found in inner_imports(path.read_text(encoding="utf-8")):
            counts[found.reason] += 1
            if found.reason == NONE:
                faults.append(f"{path.relative_to(root)}:{found.line}: {found.text}")
    return faults, counts


def main() -> int:
    """Print the faults and the counts; return the exit status."""
    faults, counts = report(ROOT / "src", ROOT)
    reasons = ", ".join(f"{counts[reason]} {reason}" for reason in (*REASONS, NONE))
    print(*faults, f"{counts.total()} imports inside functions: {reasons}", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
