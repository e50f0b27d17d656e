"""Formatting of a handler's result as text that a human command prints."""

from typing import Any


def show_value(value: Any) -> str:
    r"""Format a value: text unchanged but with a final line end, other values one member a line.

    Example:
        >>> show_value({"status": "running", "cpus": [{"id": 0}, {"id": 1}]})
        'status: running\ncpus:\n  - id: 0\n  - id: 1\n'
    """
    if isinstance(value, str):
        return value if not value or value.endswith("\n") else value + "\n"
    if value is None:
        return ""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [line for key, member in value.items() for line in _member(key, member)]
    if isinstance(value, list | tuple):
        lines: list[str] = []
        for element in value:
            first, *rest = _lines(element) or [""]
            lines += (f"- {first}".rstrip(), *(f"  {line}" for line in rest))
        return lines
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return ["null"] if value is None else str(value).split("\n")


def _member(key: str, value: Any) -> list[str]:
    lines = _lines(value)
    if isinstance(value, dict | list | tuple) or len(lines) > 1:
        return [f"{key}:", *(f"  {line}" for line in lines)]
    return [f"{key}: {''.join(lines)}"]
