"""A textual form of values that distinguishes 1, 1.0 and True, or 0.0 and -0.0, at any depth."""

from collections.abc import Iterable, Iterator

__all__ = ["exactly", "shown"]


def exactly(value: object) -> str:
    """Return the text of a value; unlike repr() this doesn't recurse."""
    parts: list[str] = []
    stack: list[tuple[Iterator[object], str]] = [(iter([value]), "")]
    while stack:
        items, end = stack[-1]
        for item in items:
            if isinstance(item, dict):
                parts.append("{")
                stack.append((iter([part for pair in item.items() for part in pair]), "}"))
            elif isinstance(item, list):
                parts.append("[")
                stack.append((iter(item), "]"))
            else:
                parts.append(repr(item))
                continue
            break
        else:
            stack.pop()
            parts.append(end)
    return " ".join(parts).rstrip()


def shown(items: Iterable[object]) -> list[str]:
    """Return a reader's items as texts: values by `exactly`, errors by their messages."""
    return [
        f"{type(item).__name__}: {item}" if isinstance(item, Exception) else exactly(item)
        for item in items
    ]
