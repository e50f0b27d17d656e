"""All mistakes of one file, so that its author sees them at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from qmpeer import limits
from qmpeer.errors import PolicyError
from qmpeer.messages import near_names


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest known names, to put behind an error; "" if none is near.

    Example:
        >>> did_you_mean("query-stauts", ["query-stats", "query-status", "stop"])
        '; did you mean query-stats or query-status?'
    """
    near = near_names(name, known, 2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class Mistakes:
    """The mistakes found so far, at most `limits.POLICY_MISTAKES`."""

    def __init__(self) -> None:
        self._found: list[PolicyError] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Run a block, and keep the mistake that it raises.

        Raises:
            PolicyError: If there are too many.
        """
        try:
            yield
        except PolicyError as error:
            self._found.append(error)
            if len(self._found) >= limits.POLICY_MISTAKES:
                self.raise_all()

    def raise_all(self) -> None:
        """Raise one error with all of them.

        Raises:
            PolicyError: If there is one.
        """
        if self._found:
            first, *others = sorted(self._found, key=_line)
            raise PolicyError(first.reason, first.place, tuple(map(str, others)))


def _line(error: PolicyError) -> int:
    """Return the line of a place such as file:LINE:COLUMN."""
    parts = error.place.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else 0
