"""The settings of a session, which ``set`` changes."""

from collections.abc import Iterator, Mapping
from typing import Final

from qmpeer import limits

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "output": ("auto", "json", "table", "raw"),
    "timing": ("on", "off"),
    "pager": ("on", "off"),
    "timeout": ("10", "300", "none"),
}
"""The settings and their values; a timeout may be any other number of seconds."""


class Settings:
    """The settings of a session.

    Attributes:
        is_interactive: True at a prompt, False in a script.
        output: The form of replies: json, table (if possible), raw (one line), or auto (a table if
            it fits).
        timing: True to show how long each command took.
        pager: True to show texts longer than the screen in the pager.
        timeout: Seconds for a reply; None waits forever.

    Example:
        >>> settings = Settings()
        >>> settings.set("output", "table")
        >>> settings.set("timeout", "1.5")
        >>> list(settings.lines())
        ['output table', 'timing off', 'pager on', 'timeout 1.5']
    """

    def __init__(
        self, *, is_interactive: bool = True, timeout: float | None = limits.COMMAND_TIMEOUT
    ) -> None:
        self.is_interactive: bool = is_interactive
        self.output: str = "auto"
        self.timing: bool = False
        self.pager: bool = True
        self.timeout: float | None = timeout

    def set(self, name: str, value: str) -> None:
        """Change a setting.

        Raises:
            ValueError: If there is no such setting, or it can't have this value.
        """
        if name == "timeout":
            self.timeout = _timeout(value)
        elif name not in CHOICES:
            raise ValueError(f"there is no setting {name!r}, expected one of {', '.join(CHOICES)}")
        elif value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}")
        elif name == "output":
            self.output = value
        else:
            setattr(self, name, value == "on")

    def lines(self) -> Iterator[str]:
        """Yield each setting with its value."""
        yield f"output {self.output}"
        yield f"timing {'on' if self.timing else 'off'}"
        yield f"pager {'on' if self.pager else 'off'}"
        yield f"timeout {'none' if self.timeout is None else format(self.timeout, 'g')}"


def _timeout(value: str) -> float | None:
    if value == "none":
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e9:
        raise ValueError("timeout must be a number of seconds, or none")
    return seconds
