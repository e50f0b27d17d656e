"""The error of a program that can't start, formatted as QEMU does: option, argument, reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qmpeer.errors import ChardevError


class StartError(Exception):
    """A fault that prevents the program from starting.

    Attributes:
        option: The option at fault as it was spelled; "" if no option is.
        argument: Its argument; None if it has none.
        reason: The reason, in QEMU's words where QEMU has the same error.
        hint: Further lines below the reason; "" if there are none.
        earlier: Texts for lines of their own before the reason.
    """

    def __init__(
        self,
        option: str,
        argument: str | None,
        reason: str,
        hint: str = "",
        earlier: tuple[str, ...] = (),
    ) -> None:
        super().__init__(option, argument, reason, hint, earlier)
        self.option = option
        self.argument = argument
        self.reason = reason
        self.hint = hint
        self.earlier = earlier

    @classmethod
    def of(cls, option: str, argument: str | None, error: ValueError) -> "StartError":
        """Return the error for an option whose value raised a ValueError."""
        if isinstance(error, ChardevError):
            return cls(option, argument, error.reason, error.hint, error.earlier)
        return cls(option, argument, str(error))

    def __str__(self) -> str:
        return notice(self.option, self.argument, self.reason.replace("\n", " "))

    @property
    def texts(self) -> list[str]:
        """All texts to show, in order; each begins on a line of its own."""
        before = [notice(self.option, self.argument, text) for text in self.earlier]
        return [*before, f"{self}\n{self.hint}" if self.hint else str(self)]


class StartHelp(Exception):
    """A request for help, which ends the program instead of starting.

    Attributes:
        text: The help text, for standard output.
        status: The exit status.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text, status)
        self.text = text
        self.status = status


def notice(option: str, argument: str | None, text: str) -> str:
    """Return a text with the option that it is about in front."""
    if not option:
        return text
    where = option if argument is None else f"{option} {argument}"
    return f"{where}: {text}".replace("\n", " ", where.count("\n"))


@contextmanager
def prepend_warnings(warnings: Sequence[str]) -> Iterator[None]:
    """Add the warnings to a ChardevError that is raised in the block, before its own text."""
    try:
        yield
    except ChardevError as error:
        earlier = tuple(f"warning: {warning}" for warning in warnings)
        raise ChardevError(error.reason, error.hint, earlier + error.earlier) from None
