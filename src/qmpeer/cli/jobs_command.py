"""``qmpeer jobs``: how far jobs and the migration are, once or until they are done."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import Final, TypeAlias

from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, REFUSED, STATUSES, complain
from qmpeer.cli.live_bars import bars_on
from qmpeer.cli.output import standard_output, write_json
from qmpeer.client import Client, Events
from qmpeer.display.bars import bar_line
from qmpeer.inventory.job_board import EVENTS, MIGRATION, Entry, JobBoard, look
from qmpeer.messages import Event
from qmpeer.values import JsonObject

Show: TypeAlias = Callable[[JobBoard], None]

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


def _run(given: argparse.Namespace) -> int:
    board = JobBoard(given.ids)
    with connect(given) as client:
        if given.wait:
            _follow(client, board, _JsonLines().show if given.json else None, given.timeout)
        else:
            look(client, board)
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


def _is_failed(entry: Entry) -> bool:
    # A migration that failed yesterday is still told of.
    if entry.id == MIGRATION and not entry.was_seen_running:
        return False
    return entry.is_failed


def _follow(client: Client, board: JobBoard, show: Show | None, timeout: float | None) -> None:
    deadline = None if timeout is None else monotonic() + timeout
    with ExitStack() as stack, client.events(*EVENTS) as events:
        if show is None:
            show = _live(stack)
        while True:
            look(client, board)
            show(board)
            if board.is_over:
                return
            if deadline is not None and monotonic() >= deadline:
                raise TimeoutError(f"not all jobs were done in {timeout:g} s")
            _take_in(events, board, show, deadline)


def _take_in(events: Events[Event], board: JobBoard, show: Show, deadline: float | None) -> None:
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


def _live(stack: ExitStack) -> Show:
    show = stack.enter_context(bars_on(standard_output()))
    return lambda board: show(entry.bar for entry in board.entries)


def _list(board: JobBoard) -> None:
    page = standard_output()
    page.write(bar_line(entry.bar, min(page.width, 100)) for entry in board.entries)


class _JsonLines:
    """Jobs as lines of JSON, another one whenever a job has changed."""

    def __init__(self) -> None:
        self._written: dict[str, JsonObject] = {}

    def show(self, board: JobBoard) -> None:
        for entry in board.entries:
            message = entry.message()
            if self._written.get(entry.id) != message:
                self._written[entry.id] = message
                write_json(message)


COMMAND: Final = Subcommand(
    PROGRAM,
    "Show how far the jobs and the migration of a server are.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("ids", "ID", "which; by default all", completes="names:job", nargs="*",
                 default=[]),
        argument("--wait", None, "until they are done, live"),
    ),
    _run,
)  # fmt: skip
