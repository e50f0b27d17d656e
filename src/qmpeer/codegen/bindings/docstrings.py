"""Docstrings of a binding, made from the schema's documentation."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from qmpeer.codegen.bindings.plan import Attribute
from qmpeer.schema import Documentation, EnumValue, Feature, special_features

_SYMBOL: Final = re.compile(r"(?<![\w@])@([A-Za-z_][\w.-]*)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_KEPT_SECTIONS: Final = frozenset({"", "Returns", "Return", "Errors", "Note", "Notes"})


def docstring(
    documentation: Documentation | None,
    fallback: str,
    title: str,
    attributes: Sequence[Attribute],
    features: Sequence[Feature],
    indent: str,
) -> Iterator[str]:
    """Yield the lines of a docstring, with its quotes.

    Args:
        documentation: The documentation in the schema; None if it has none.
        fallback: The text for a definition without documentation.
        title: The heading of the members: "Args" or "Attributes".
        attributes: The members to describe.
        features: The features of the definition.
        indent: The indentation of each line.
    """
    lines = list(_paragraphs(documentation)) or [fallback]
    for mark in special_features(features):
        text = documentation.features.get(mark, "") if documentation is not None else ""
        lines += ["", *_item(mark.capitalize(), text)]
    described = list(_members(attributes))
    if described:
        lines += ["", f"{title}:", *("    " + line if line else "" for line in described)]
    if documentation is not None:
        for section in documentation.sections:
            if section.tag in _KEPT_SECTIONS and section.text:
                lines.append("")
                lines += _item(section.tag, section.text) if section.tag else _text(section.text)
        if documentation.since:
            lines += ["", f"Since: {documentation.since}"]
    yield from _quoted(lines, indent)


def enum_docstring(
    documentation: Documentation | None,
    fallback: str,
    constants: Iterable[tuple[str, EnumValue]],
    features: Sequence[Feature],
    indent: str,
) -> Iterator[str]:
    """Yield the lines of an enum's docstring, as `docstring` does."""
    texts = {} if documentation is None else documentation.members
    attributes = [
        Attribute(value.name, name, "str", False, value.features, texts.get(value.name, ""))
        for name, value in constants
    ]
    yield from docstring(documentation, fallback, "Attributes", attributes, features, indent)


def _paragraphs(documentation: Documentation | None) -> list[str]:
    return _text(documentation.text) if documentation is not None else []


def _members(attributes: Sequence[Attribute]) -> Iterator[str]:
    for attribute in attributes:
        found = special_features(attribute.features)
        mark = f" ({', '.join(found)})" if found else ""
        if attribute.text or mark:
            yield from _item(attribute.name + mark, attribute.text)


def _item(name: str, text: str) -> list[str]:
    first, *rest = _text(text) or [""]
    return [f"{name}: {first}".rstrip(), *("    " + line if line else "" for line in rest)]


def _text(text: str) -> list[str]:
    """Return the lines of a text, without control characters and without the @ before names."""
    cleaned = _CONTROL.sub("", text.expandtabs(4))
    marked = _SYMBOL.sub(r"\1", cleaned)
    return [line.rstrip() for line in marked.strip("\n").split("\n")] if marked.strip() else []


def _quoted(lines: Sequence[str], indent: str) -> Iterator[str]:
    # The text comes from a schema: nothing in it may end the string early.
    safe = [line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') for line in lines]
    while safe and not safe[-1]:
        safe.pop()
    # 94 is the length of a line without the six quotes; a quote at the end would join them.
    if len(safe) == 1 and len(safe[0]) + len(indent) <= 94 and not safe[0].endswith('"'):
        yield f'{indent}"""{safe[0]}"""'
        return
    first, *rest = safe
    yield f'{indent}"""{" " if first.startswith(chr(34)) else ""}{first}'
    yield from (indent + line if line else "" for line in rest)
    yield f'{indent}"""'
