"""``qmpeer jobs``: how far jobs and the migration are, once or until they are done."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.connecting import add_common, connect
from qmpeer.cli.exits import DONE, REFUSED, STATUSES, complain
from qmpeer.cli.output import write_json
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.cli.job_board import Entry, JobBoard
    from qmpeer.client import Client, Events
    from qmpeer.messages import Event

T = TypeVar("T")

PROGRAM: Final = "qmpeer jobs"
_INTERVAL: Final = 0.5
"""Seconds from one question for the progress to the next; events tell of all else at once."""

_AFTER: Final = (
    """\
With --wait it ends when no job is under way any more: each is done, or waits for somebody, as a
mirror that is ready does, and a job that an error has stopped. Then 1 is the status if one has
failed, was cancelled, or was stopped by an error. --timeout is for all of the waiting then, and 3
the status if it is up first. With --json each job is a line of JSON,
and with --wait another one whenever it has changed.

example:
  $ qmpeer jobs /run/vm.qmp --wait
  job0 mirror running [########                    ] 29%

"""
    + STATUSES
)


def run(words: Sequence[str]) -> int:
    """Show jobs.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the connection ends.
        OSError: If there is no connection, or not all are done in time.
    """
    given = parser().parse_intermixed_args(words)
    from qmpeer.cli.job_board import JobBoard

    board = JobBoard(given.ids)
    with connect(given) as client:
        if given.wait:
            _follow(client, board, _JsonLines().show if given.json else None, given.timeout)
        else:
            _look(client, board)
            (_JsonLines().show if given.json else _list)(board)
    for name in board.missing:
        complain(PROGRAM, f"there is no job {name!r}")
    if board.missing:
        return REFUSED
    entries = board.entries
    if not entries and not given.json:
        complain(PROGRAM, "there are no jobs")
    if given.wait and not given.json:
        for entry in entries:
            if entry.advice:
                complain(PROGRAM, entry.advice)
    return REFUSED if given.wait and any(map(_is_failed, entries)) else DONE


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(
        PROGRAM, "Show how far the jobs and the migration of a server are.", _AFTER
    )
    add_common(parser)
    parser.add_argument("ids", metavar="ID", nargs="*", default=[], help="which; by default all")
    parser.add_argument("--wait", action="store_true", help="until they are done, live")
    return parser


def _is_failed(entry: "Entry") -> bool:
    from qmpeer.cli.job_board import MIGRATION

    # A migration that failed yesterday is still told of.
    if entry.id == MIGRATION and not entry.was_seen_running:
        return False
    return entry.is_failed


def _look(client: "Client", board: "JobBoard") -> None:
    from qmpeer.client.blocking.job_run import job_states

    jobs = _asked(lambda: job_states(client, client.command_timeout))
    board.learn(jobs or (), _asked(lambda: client.execute("query-migrate")))


def _asked(ask: Callable[[], T]) -> T | None:
    """Return what a server says; None if it doesn't have the command."""
    from qmpeer.errors import CommandError

    try:
        return ask()
    except CommandError as error:
        if error.error_class != "CommandNotFound":
            raise
    return None


def _follow(
    client: "Client",
    board: "JobBoard",
    show: "Callable[[JobBoard], None] | None",
    timeout: float | None,
) -> None:
    from contextlib import ExitStack

    from qmpeer.cli.job_board import EVENTS

    deadline = None if timeout is None else monotonic() + timeout
    with ExitStack() as stack, client.events(*EVENTS) as events:
        if show is None:
            show = _live(stack)
        while True:
            _look(client, board)
            show(board)
            if board.is_over:
                return
            if deadline is not None and monotonic() >= deadline:
                raise TimeoutError(f"not all jobs were done in {timeout:g} s")
            _take_in(events, board, show, deadline)


def _take_in(
    events: "Events[Event]",
    board: "JobBoard",
    show: "Callable[[JobBoard], None]",
    deadline: float | None,
) -> None:
    """Take in the events of an interval, or until all is over."""
    end = monotonic() + _INTERVAL
    if deadline is not None:
        end = min(end, deadline)
    while (left := end - monotonic()) > 0:
        try:
            board.take(events.next(left))
        except TimeoutError:
            return
        show(board)
        if board.is_over:
            return


def _live(stack: Any) -> "Callable[[JobBoard], None]":
    from qmpeer.cli.bars import bars_on
    from qmpeer.cli.page import Page

    bars = stack.enter_context(bars_on(Page.output()))
    return lambda board: bars.show(entry.bar for entry in board.entries)


def _list(board: "JobBoard") -> None:
    from qmpeer.cli.bars import bar_line
    from qmpeer.cli.page import Page

    page = Page.output()
    page.write(bar_line(entry.bar, min(page.width, 100)) for entry in board.entries)


class _JsonLines:
    """Write each job as a line of JSON, whenever it has changed."""

    def __init__(self) -> None:
        self._written: dict[str, JsonObject] = {}

    def show(self, board: "JobBoard") -> None:
        for entry in board.entries:
            message = entry.message()
            if self._written.get(entry.id) != message:
                self._written[entry.id] = message
                write_json(message)
