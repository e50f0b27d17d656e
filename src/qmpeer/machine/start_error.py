"""Why a machine can't start, as QEMU tells it: the option, its argument, and the reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qmpeer.errors import ChardevError


class StartError(Exception):
    """The reason why the machine can't start.

    Attributes:
        option: The option at fault as it was spelled, "" if it is none of them.
        argument: Its argument, None if it has none.
        reason: What is wrong, in QEMU's words where QEMU has any.
        hint: Further lines that stand below, "" if there are none.
        earlier: What stands in lines of its own before that.
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
        """Return what an error means that an option has led to."""
        if isinstance(error, ChardevError):
            return cls(option, argument, error.reason, error.hint, error.earlier)
        return cls(option, argument, str(error))

    def __str__(self) -> str:
        return notice(self.option, self.argument, self.reason.replace("\n", " "))

    @property
    def texts(self) -> list[str]:
        """All that is to be said, each text beginning in a line of its own."""
        before = [notice(self.option, self.argument, text) for text in self.earlier]
        return [*before, f"{self}\n{self.hint}" if self.hint else str(self)]


class StartHelp(Exception):
    """An option that asks for a text instead of a machine.

    Attributes:
        text: To be printed on standard output.
        status: The exit status that goes with it.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text, status)
        self.text = text
        self.status = status


def notice(option: str, argument: str | None, text: str) -> str:
    """Put before a text which option it is about."""
    if not option:
        return text
    where = option if argument is None else f"{option} {argument}"
    return f"{where}: {text}".replace("\n", " ", where.count("\n"))


@contextmanager
def behind_warnings(warnings: Sequence[str]) -> Iterator[None]:
    """Have an error that is raised meanwhile say first what was warned of."""
    try:
        yield
    except ChardevError as error:
        earlier = tuple(f"warning: {warning}" for warning in warnings)
        raise ChardevError(error.reason, error.hint, earlier) from None
