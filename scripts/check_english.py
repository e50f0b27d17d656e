"""Check our own texts for turns of phrase that a reader has to read twice.

Looked at are the comments and strings of Python files (docstrings, messages, help) and the prose of
Markdown pages, fenced code left out. Two lists count: turns, wherever they stand, and first words
of the docstrings of classes and modules, which say what the thing is and give no order.

A text that isn't ours, such as one of QEMU's, carries the comment ``# not our words`` on its line.

On standard output: each place with its turn, then the counts of all turns. Status 1 if there is
one.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final = ("src", "tests", "scripts", "benchmarks", "examples", "docs")
NOT_OURS: Final = "# not our words"
TURNS: Final = (
    "of which",
    "of whom",
    "in whose",
    "to who",
    "to whom",
    "whoever",
    "whomever",
    "whosoever",
    "but for",
    "becomes? of",
    "became of",
    "that which",
    "none but",
    "nothing but",
    "no other than",
    "ha(?:s|ve|d) (?!been)\\w+(?: \\w+){0,4} said",
    "is (?:to be )?had",
    "be had",
    "what there is",
    "for want of",
    "at one look",
    "made out",
    "makes? out",
    "by way of",
    "once and for all",
    "lest",
    "whence",
    "thereof",
    "wherein",
    "its kin",
)
TURN: Final = re.compile("|".join(rf"\b(?:{turn})\b" for turn in TURNS), re.IGNORECASE)
FIRST_WORDS: Final = re.compile(
    "(?:Be|Build|Cut|Decide|Do|Does|Edit|Give|Have|Hold|How|Keep|Know|Let|Make|Name|Parse|Read|Say"
    "|Scan|Show|So|Something|Speak|Stands?|Tell|Turn|What|When|Where|Whether|Which|Who|Why|Write) "
)
BETWEEN_WORDS: Final = re.compile(r"[\s#:]+")
FENCE: Final = re.compile(r"^(```+|~~~+).*?^\1", re.MULTILINE | re.DOTALL)
SCRIPT: Final = "scripts/check_english.py"


class Fault(NamedTuple):
    """A turn of phrase, and the line on which it begins."""

    line: int
    turn: str


def faults_in_python(source: str) -> Iterator[Fault]:
    """Give the faults in the comments, strings and docstrings of a Python file."""
    if TURN.search(BETWEEN_WORDS.sub(" ", source)):  # few files have one: the rest isn't split
        yield from _turns_in_python(source)
    for node in _blocks(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.Module):
            continue
        if match := FIRST_WORDS.match(ast.get_docstring(node) or ""):
            yield Fault(node.body[0].lineno, f"{match[0]}…")


def _turns_in_python(source: str) -> Iterator[Fault]:
    lines = source.splitlines()
    run: list[tuple[int, str]] = []  # comments on lines that follow each other are one text
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if run and line != run[-1][0] + 1:
                yield from _faults_in_comments(run)
                run = []
            run.append((line, token.string.lstrip("#: ")))
        elif token.type == tokenize.STRING and NOT_OURS not in lines[token.end[0] - 1]:
            yield from _faults(token.string, line)
    yield from _faults_in_comments(run)


def _blocks(node: ast.AST) -> Iterator[ast.AST]:
    """Give a node and the statements in it; expressions are skipped, they contain no class."""
    yield node
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for inner in getattr(node, field, ()):
            yield from _blocks(inner)


def faults_in_markdown(text: str) -> Iterator[Fault]:
    """Give the faults in the prose of a Markdown page."""
    yield from _faults(FENCE.sub(lambda match: "\n" * match[0].count("\n"), text), 1)


def _faults_in_comments(run: list[tuple[int, str]]) -> Iterator[Fault]:
    if run:
        yield from _faults("\n".join(text for _, text in run), run[0][0])


def _faults(text: str, line: int) -> Iterator[Fault]:
    # A turn may be broken over two lines: it is looked for in a text with single blanks.
    flat = re.sub(r"\s", " ", text)
    kept = [index for index, character in enumerate(flat) if character + flat[index - 1] != "  "]
    for match in TURN.finditer("".join(flat[index] for index in kept)):
        yield Fault(line + text.count("\n", 0, kept[match.start()]), match[0].lower())


def report(root: Path) -> tuple[list[str], Counter[str]]:
    """Return a line for each fault below a folder, and how often each turn stands there."""
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    files = sorted({*pages, *(path for name in FOLDERS for path in (root / name).rglob("*.py"))})
    places: list[str] = []
    counts = Counter[str]()
    for path in files:
        name = path.relative_to(root).as_posix()
        if name in (SCRIPT, "tests/test_check_english.py") or name.startswith("docs/reference/"):
            continue
        text = path.read_text(encoding="utf-8")
        find = faults_in_python if path.suffix == ".py" else faults_in_markdown
        for fault in sorted(find(text)):
            counts[fault.turn] += 1
            places.append(f"{name}:{fault.line}: {fault.turn}")
    return places, counts


def main() -> int:
    """Print the faults and the counts; return the exit status."""
    places, counts = report(ROOT)
    turns = ", ".join(f"{count} {turn!r}" for turn, count in counts.most_common()) or "none"
    print(*places, f"{counts.total()} turns of phrase to read twice: {turns}", sep="\n")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
