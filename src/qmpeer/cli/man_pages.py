"""Manual pages in section 1: one for ``qmpeer``, and one for each subcommand."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from qmpeer import __version__
from qmpeer.cli.grammar import Option, Usage, usages
from qmpeer.cli.main import RawSubcommand, subcommand, usage
from qmpeer.codegen.reference.manual import escaped, line, word

_HEADING = re.compile(r"([A-Za-z][A-Za-z ,]*):")


def man_pages() -> dict[str, str]:
    """Return the text of all pages, by file name."""
    groups = {
        name: list(members) for name, members in groupby(usages(), lambda usage: usage.words[0])
    }
    pages = {"qmpeer.1": _page("qmpeer", "QMP from the command line", _overview(groups))}
    for name, members in groups.items():
        program = "qmp-shell" if name == "shell" else f"qmpeer-{name}"
        pages[f"{program}.1"] = _page(program, _about(name), _subcommand(name, members))
    return pages


def _about(name: str) -> str:
    text = " ".join(subcommand(name).about.split("\n"))
    return text.partition(". ")[0].rstrip(".:")


def _page(name: str, about: str, body: Iterator[str]) -> str:
    head = [
        f".TH {word(name.upper())} 1 {word('')} {word(f'qmpeer {__version__}')}",
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(_lower(about))}",
    ]
    return "\n".join([*head, *body]) + "\n"


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _overview(groups: dict[str, list[Usage]]) -> Iterator[str]:
    synopsis, _, rest = usage().partition("\n\n")
    yield from (".SH SYNOPSIS", *_verbatim([synopsis.removeprefix("usage: ")]))
    yield ".SH DESCRIPTION"
    yield from _text(rest)
    yield ".SH SEE ALSO"
    names = ("qmp-shell" if name == "shell" else f"qmpeer-{name}" for name in groups)
    yield ", ".join(f"\\fB{escaped(name)}\\fR(1)" for name in names)


def _subcommand(name: str, usages: Sequence[Usage]) -> Iterator[str]:
    yield ".SH SYNOPSIS"
    command = subcommand(name)
    if isinstance(command, RawSubcommand):
        synopsis, _, rest = command.usage.partition("\n\n")
        yield from _verbatim([synopsis.removeprefix("usage: ")])
        yield ".SH DESCRIPTION"
        yield from _text(rest)
    elif len(usages) == 1 and len(usages[0].words) == 1:
        yield from _synopsis(usages[0])
        yield ".SH DESCRIPTION"
        yield from _body(usages[0], ".SH")
    else:
        for usage in usages:
            yield from _synopsis(usage)
        yield ".SH DESCRIPTION"
        yield from _text(command.about)
        for usage in usages:
            yield f".SH {word(usage.words[1].upper())}"
            yield from _body(usage, ".SS")
    yield from (".SH SEE ALSO", "\\fBqmpeer\\fR(1)")


def _body(usage: Usage, macro: str) -> Iterator[str]:
    """Yield the description, the options, and the rest of the --help text."""
    assert usage.parser is not None
    yield line(escaped(usage.about))
    lines = (usage.parser.epilog or "").split("\n")
    first = next((n for n, each in enumerate(lines) if _HEADING.fullmatch(each)), len(lines))
    yield from _text("\n".join(lines[:first]), macro)
    yield from _options(usage, macro)
    yield from _text("\n".join(lines[first:]), macro)


def _synopsis(usage: Usage) -> Iterator[str]:
    assert usage.parser is not None
    text = " ".join(usage.parser.format_usage().removeprefix("usage: ").split())
    yield from (".HP 4", line(escaped(text)))


def _options(usage: Usage, macro: str) -> Iterator[str]:
    yield _heading(macro, "options")
    for place in usage.positionals:
        if place.help:
            yield from (".TP", f"\\fI{escaped(place.name)}\\fR", line(escaped(place.help)))
    for option in usage.options:
        yield from (".TP", _flags(option), line(escaped(option.help)) or "\\&")


def _heading(macro: str, text: str) -> str:
    return f"{macro} {word(text.upper() if macro == '.SH' else text.capitalize())}"


def _flags(option: Option) -> str:
    value = "" if option.value is None else f" \\fI{escaped(option.value)}\\fR"
    return ", ".join(f"\\fB{escaped(flag)}\\fR{value}" for flag in option.flags)


def _text(text: str, macro: str = ".SH") -> Iterator[str]:
    """Yield a --help text as roff.

    Indented lines stay as they are. A line that consists of words and a final colon is a heading.
    """
    paragraph: list[str] = []
    block: list[str] = []
    for each in [*text.rstrip().split("\n"), ""]:
        if each.startswith(" "):
            if paragraph:
                yield from (".PP", line(escaped(" ".join(paragraph))))
                paragraph = []
            block.append(each)
            continue
        if block:
            if each == "":
                block.append(each)
                continue
            yield from _verbatim(block)
            block = []
        if each and (heading := _HEADING.fullmatch(each)) and not paragraph:
            yield _heading(macro, heading[1])
        elif each:
            paragraph.append(each)
        elif paragraph:
            yield from (".PP", line(escaped(" ".join(paragraph))))
            paragraph = []
    if block:
        yield from _verbatim(block)


def _verbatim(lines: Sequence[str]) -> Iterator[str]:
    kept = "\n".join(lines).rstrip().split("\n")
    yield from (".PP", ".nf", ".ft CR")
    yield from (line(escaped(each)) for each in kept)
    yield from (".ft", ".fi")
