"""``qmpeer jobs``: the progress of jobs and of the migration, once or until they are done."""

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
from qmpeer.inventory.job_board import EVENTS, MIGRATION, BoardEntry, JobBoard, refresh_board
from qmpeer.messages import Event
from qmpeer.values import JsonObject

ShowBoard: TypeAlias = Callable[[JobBoard], None]

PROGRAM: Final = "qmpeer jobs"
_INTERVAL: Final = 0.5
"""Seconds between queries of the progress; every other change is reported by an event at once."""

_AFTER: Final = (
    """\
With --wait the command ends when no job is running: each job has ended, or waits for a command, as
a mirror does that is ready, or a job that an error has stopped. The exit status is then 1 if a job
has failed, was cancelled, or was stopped by an error. With --wait, --timeout also limits the whole
wait; the exit status is 3 if it passes first. With --json each job is one line of JSON, and with
--wait a further line whenever it has changed.

example:
  $ qmpeer jobs /run/vm.qmp --wait
  job0 mirror running [########                    ] 29%

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    board = JobBoard(namespace.ids)
    with connect(namespace) as client:
        if namespace.wait:
            _follow(client, board, _JsonLines().show if namespace.json else None, namespace.timeout)
        else:
            refresh_board(client, board)
            (_JsonLines().show if namespace.json else _list)(board)
    for name in board.missing:
        complain(PROGRAM, f"there is no job {name!r}")
    if board.missing:
        return REFUSED
    entries = board.entries
    if not entries and not namespace.json:
        complain(PROGRAM, "there are no jobs")
    if namespace.wait and not namespace.json:
        for entry in entries:
            if entry.advice:
                complain(PROGRAM, entry.advice)
    return REFUSED if namespace.wait and any(map(_is_failed, entries)) else DONE


def _is_failed(entry: BoardEntry) -> bool:
    # query-migrate keeps the last migration: one that failed yesterday is no failure today.
    if entry.id == MIGRATION and not entry.was_seen_running:
        return False
    return entry.is_failed


def _follow(client: Client, board: JobBoard, show: ShowBoard | None, timeout: float | None) -> None:
    deadline = None if timeout is None else monotonic() + timeout
    # Subscribed before the first query: a job that ends in between is seen by its event.
    with ExitStack() as stack, client.events(*EVENTS) as events:
        if show is None:
            show = _live(stack)
        while True:
            refresh_board(client, board)
            show(board)
            if board.is_over:
                return
            if deadline is not None and monotonic() >= deadline:
                raise TimeoutError(f"not all jobs were done in {timeout:g} s")
            _follow_events(events, board, show, deadline)


def _follow_events(
    events: Events[Event], board: JobBoard, show: ShowBoard, deadline: float | None
) -> None:
    """Apply events to the board for one interval, or until all jobs rest."""
    end = monotonic() + _INTERVAL
    if deadline is not None:
        end = min(end, deadline)
    while (left := end - monotonic()) > 0:
        try:
            board.apply_event(events.next(left))
        except TimeoutError:
            return
        show(board)
        if board.is_over:
            return


def _live(stack: ExitStack) -> ShowBoard:
    show = stack.enter_context(bars_on(standard_output()))
    return lambda board: show(entry.bar for entry in board.entries)


def _list(board: JobBoard) -> None:
    output = standard_output()
    output.write(bar_line(entry.bar, min(output.width, 100)) for entry in board.entries)


class _JsonLines:
    """Writer of jobs as lines of JSON: one for each job, and another whenever it has changed."""

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
    "Show the progress of a server's jobs and of its migration.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("ids", "ID", "the jobs to show; default: all", completes="names:job", nargs="*",
                 default=[]),
        argument("--wait", None, "show live progress until they are done"),
    ),
    _run,
)  # fmt: skip
