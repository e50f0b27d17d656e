"""Generate the blocking client from the async one.

    python scripts/blocking_client.py            writes what has changed
    python scripts/blocking_client.py --check    writes nothing; status 1 if anything would change

A folder as the last argument is used in place of src/qmpeer/client; it must be a copy of that.

Each module of SOURCES in src/qmpeer/client/aio is turned into the one of the same name in
src/qmpeer/client/blocking: `await` and `async` go, `Awaitable[X]`, `Later[X]` and `Reply[X]` become
X, and
names become others by the table NAMES. The modules `primitives`, `channel` and
`reconnecting_channel` are written by hand in both folders, with the same names. So no source asks
which client it is for.

Docstrings and doctests are converted by the same table, and by PHRASES. A text that is true for one
client only is marked by comments below its docstring, which are removed:

    # blocking: - a text of the docstring … and its end.
    # blocking: + The replacement, if there is one.
    # blocking: + This line continues it.

The first text is found across line breaks; "…" stands for everything between two texts. In the
lists of Args, Attributes and Raises a "+" line that begins with a name and a colon is a new item.
Changed paragraphs are filled anew; ruff formats and sorts the rest.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

RUFF = Path(sys.executable).with_name("ruff")  # python -m ruff takes three times as long to start
CLIENT = Path(__file__).parent.parent / "src" / "qmpeer" / "client"
SOURCES = (
    "__init__",
    "agent_contact",
    "agent_files",
    "client",
    "completion_run",
    "ensure",
    "further_monitor",
    "guest_agent",
    "job_run",
    "keyboard",
    "migration_run",
    "name_queries",
    "plug_run",
    "pointer",
    "presence",
    "procedures",
    "screen",
    "subscription",
    "unplug_run",
)
WIDTH = 100

NAMES = {
    "AnyAsyncChannel": "AnyChannel",
    "AsyncAgentContact": "AgentContact",
    "AsyncChannel": "Channel",
    "AsyncClient": "Client",
    "AsyncEvents": "Events",
    "AsyncFrozen": "Frozen",
    "AsyncGuestAgent": "GuestAgent",
    "AsyncHand": "Hand",
    "AsyncHeldKeys": "HeldKeys",
    "AsyncIterator": "Iterator",
    "AsyncKeyboard": "Keyboard",
    "AsyncOnLost": "OnLost",
    "AsyncPointer": "Pointer",
    "AsyncScreen": "Screen",
    "AsyncPlugged": "Plugged",
    "AsyncReconnectingChannel": "ReconnectingChannel",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aio": "blocking",
}
WRAPPERS = ("Awaitable", "Later", "Reply")
"""Generic types that stand for their argument."""
PHRASES = {
    "The async client: the same names as the blocking one, with await.": "The blocking client.",
    "an async context manager": "a context manager",
    "An async iterator": "An iterator",
    "for the async client": "for the blocking client",
    "for asyncio": "for blocking code",
}

_NAME = re.compile(rf"\b({'|'.join(NAMES)})\b")
_LEFT = re.compile(r"\b(?:(?:Any)?Async\w+|asyncio|async|await)\b")
_WORDS = re.compile(r"\b(?:async|await) ")
_MARK = re.compile(r"\s*# blocking: ([-+]) (.*)")
_ITEM = re.compile(r"\w+: ")
_LISTS = ("Args:", "Attributes:", "Raises:")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class ConversionError(Exception):
    """A comment whose replacement can't be made."""


class Edit(NamedTuple):
    """A replacement for the part of a text between two offsets."""

    start: int
    end: int
    text: str


def converted(source: str, name: str) -> str:
    """Return the blocking twin of a module's text, not formatted yet.

    Args:
        source: The text.
        name: Its file's name, for the first line.

    Raises:
        ConversionError: If the text of a comment isn't in the docstring above it, or a name of
            asyncio or of the async client is left.
    """
    first = f"# Generated from {name} by scripts/blocking_client.py: `make fix` writes it anew.\n"
    pieces, at = [first], 0
    for edit in sorted((*_docstring_edits(source), *_token_edits(source))):
        if edit.start >= at:  # else it is in a docstring, which was converted as a whole
            pieces += (source[at : edit.start], edit.text)
            at = edit.end
    text = "".join((*pieces, source[at:]))
    if left := _LEFT.search(text):
        raise ConversionError(f"{name}: {left[0]} isn't in the table of names")
    return text


def _offsets(source: str) -> list[int]:
    """Return the offset of each line; the first line is number 1."""
    offsets = [0, 0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


# Code


def _token_edits(source: str) -> Iterator[Edit]:
    offsets = _offsets(source)
    depth = 0
    unwrapped: set[int] = set()  # the depths of the brackets that are removed
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        start, end = (offsets[line] + column for line, column in (token.start, token.end))
        match token.string:
            case "async" | "await":
                yield Edit(start, offsets[after.start[0]] + after.start[1], "")
            case "[":
                depth += 1
                if depth in unwrapped:
                    yield Edit(start, end, "")
            case "]":
                if depth in unwrapped:
                    unwrapped.remove(depth)
                    yield Edit(start, end, "")
                depth -= 1
            case text if text in WRAPPERS and after.string == "[":
                unwrapped.add(depth + 1)
                yield Edit(start, end, "")
            case text if (other := _renamed(text)) != text:
                yield Edit(start, end, other)


def _renamed(text: str) -> str:
    return _NAME.sub(lambda found: NAMES[found[0]], text)


# Docstrings


@dataclass
class Block:
    """Some lines of a docstring: a paragraph, an item of a list, or lines that stay as they are.

    Attributes:
        lines: The lines.
        text: Their words, to be filled anew if they change; None for lines that stay.
        hanging: The additional indent of the lines after the first.
    """

    lines: list[str]
    text: str | None = None
    hanging: int = 0

    def render(self) -> list[str]:
        """Return the lines, filled anew if the words have changed."""
        if self.text is None:
            return [_renamed(_WORDS.sub("", line)) for line in self.lines]
        if self.text == _words_of(self.lines):
            return self.lines
        first = self.lines[0]
        indent = " " * (len(first) - len(first.lstrip()))
        rest = indent + " " * self.hanging
        return textwrap.wrap(
            self.text,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _docstring_edits(source: str) -> Iterator[Edit]:
    lines, offsets = source.splitlines(), _offsets(source)
    marks: dict[int, list[re.Match[str]]] = {}
    ends = {node.end_lineno or 0: node.lineno for node in _docstrings(source)}
    for number, line in enumerate(lines, 1):
        if mark := _MARK.fullmatch(line):
            owner = max((end for end in ends if end < number), default=0)
            if not owner:
                raise ConversionError(f"line {number} stands below no docstring")
            marks.setdefault(owner, []).append(mark)
            yield Edit(offsets[number], offsets[number + 1], "")
    for end, start in ends.items():
        text = _docstring(lines[start - 1 : end], _replacements(marks.get(end, ())))
        yield Edit(offsets[start], offsets[end + 1], "".join(f"{line}\n" for line in text))


def _docstrings(source: str) -> Iterator[ast.Expr]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            assert isinstance(node.body[0], ast.Expr)
            yield node.body[0]


def _replacements(marks: Iterable[re.Match[str]]) -> list[tuple[str, list[str]]]:
    """Return the texts to replace, each with the lines of its replacement."""
    found: list[tuple[str, list[str]]] = []
    for mark in marks:
        if mark[1] == "-":
            found.append((mark[2], []))
        elif not found:
            raise ConversionError(f"nothing gives way to: {mark[2]}")
        else:
            found[-1][1].append(mark[2])
    return found


def _docstring(lines: list[str], replacements: list[tuple[str, list[str]]]) -> list[str]:
    """Return a docstring's lines for the blocking client."""
    blocks = list(_blocks(lines))
    for old, new in replacements:
        _replace(blocks, old, new)
    for block in blocks:
        if block.text is not None:
            for phrase, other in PHRASES.items():
                block.text = block.text.replace(phrase, other)
            block.text = _renamed(block.text)
    found: list[str] = []
    for block in blocks:
        if block.text != "":
            found += block.render()
        elif found and not found[-1].strip():
            found.pop()  # the empty line before the removed block
    return found


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Yield the blocks of a docstring."""
    base = len(lines[0]) - len(lines[0].lstrip())
    section = ""
    block = Block([])
    for line in lines:
        words, indent = line.strip(), len(line) - len(line.lstrip())
        if words and indent == base:
            section = words if words.endswith(":") and " " not in words else ""
        begins = not block.lines or (section in _LISTS and indent == base + 4)
        is_verbatim = words in ("", '"""', section) or section == "Example:"
        if (begins or is_verbatim) and block.lines:
            yield block
            block = Block([])
        if is_verbatim:
            yield Block([line])
            continue
        block.lines.append(line)
        block.text = _words_of(block.lines)
        block.hanging = 4 if section in _LISTS else 0
    if block.lines:
        yield block


def _words_of(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _replace(blocks: list[Block], old: str, new: list[str]) -> None:
    """Replace a text in the one block that contains it."""
    pattern = re.compile(".*?".join(map(re.escape, old.split(" … "))))
    for place, block in enumerate(blocks):
        found = None if block.text is None else pattern.search(block.text)
        if block.text is None or found is None:
            continue
        items = [""]
        for line in new:
            if block.hanging and items[-1] and _ITEM.match(line):
                items.append(line)
            else:
                items[-1] = f"{items[-1]} {line.strip()}".strip()
        begin, end = found.span()
        items = [block.text[:begin] + items[0], *items[1:]]
        items[-1] = (items[-1] + block.text[end:]).strip()
        block.text = items[0]
        blocks[place + 1 : place + 1] = [Block(block.lines, item, 4) for item in items[1:]]
        return
    raise ConversionError(f"found no such text in the docstring: {old}")


# Files


def generated(source: Path) -> str:
    """Return the text of the blocking twin of a module.

    Raises:
        ConversionError: As `converted`, or if the source isn't Python.
    """
    text = converted(source.read_text(encoding="utf-8"), f"aio/{source.name}")
    return formatted(text)


def formatted(text: str) -> str:
    """Return a module's text without unused imports, formatted by ruff.

    Raises:
        ConversionError: If it isn't Python.
    """
    target = str(CLIENT / "blocking" / "client.py")  # the file whose settings ruff applies
    for how in (
        ("check", "--quiet", "--fix-only", "--select=F401,I,RUF022"),
        ("format", "--quiet"),
    ):
        ruff = [RUFF, *how, "--stdin-filename", target, "-"]
        done = subprocess.run(ruff, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConversionError(done.stderr)
        text = done.stdout
    return text


def main() -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("client", nargs="?", type=Path, default=CLIENT)
    options = parser.parse_args()
    is_check, client = options.check, options.client
    stale = []
    for name in SOURCES:
        target = client / "blocking" / f"{name}.py"
        try:
            text = generated(client / "aio" / f"{name}.py")
        except ConversionError as error:
            print(error)
            return 1
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(target)
            if not is_check:
                target.write_text(text, encoding="utf-8")
    for target in stale if is_check else ():
        print(f"{target} is stale: its source in client/aio has changed; `make fix` writes it anew")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
