"""Programs with QEMU's monitor options, from the words to the exit status."""

import sys
from collections.abc import Callable
from typing import TypeVar

from qmpeer import __version__
from qmpeer.cli.exits import complain, os_text
from qmpeer.options import ProgramOptions, StartError, StartHelp, Warn
from qmpeer.options.background import run_in_place
from qmpeer.options.daemonize import hold_standard_descriptors

OptionsT = TypeVar("OptionsT", bound=ProgramOptions)
Run = Callable[[OptionsT, Warn, Callable[[], None]], int]
"""Runs the program. It gets its options, a function that writes a text to standard error, and one
to call when all monitors are open. It returns the exit status."""


def run_monitor_program(
    program: str, usage: str, parse: Callable[[Warn], OptionsT], run: Run[OptionsT], *, failed: int
) -> int:
    """Run a program until its end, in the background if its options say so.

    Args:
        program: Its name in errors.
        usage: The text of --help.
        parse: Parses its command line; it gets a function that shows a warning.
        run: Runs it.
        failed: The exit status of a program that can't start.
    """

    def run_parsed(report: Warn) -> int:
        options = parse(report)
        if options.wants_help:
            sys.stdout.write(usage)
            return 0
        if options.wants_version:
            sys.stdout.write(f"qmpeer {__version__}\n")
            return 0
        for line in options.notices:
            print(line, flush=True)
        hold_standard_descriptors()
        return run_in_place(
            options, lambda when_ready: run(options, report, when_ready), failed=failed
        )

    return reporting_errors(program, run_parsed, failed=failed)


def reporting_errors(program: str, run: Callable[[Warn], int], *, failed: int) -> int:
    """Run a function, and show on standard error why it fails.

    Args:
        program: The program's name in errors.
        run: Gets a function that shows a text on standard error, and returns the exit status.
        failed: The exit status if the command line is wrong, or a file can't be opened.
    """

    def report(text: str) -> None:
        report_lines(program, text)

    try:
        return run(report)
    except StartHelp as asked:
        sys.stdout.write(asked.text)
        return asked.status
    except StartError as error:
        for text in error.texts:
            report(text)
    except OSError as error:
        complain(program, os_text(error))
    return failed


def report_lines(program: str, text: str) -> None:
    """Write a text to standard error, its first line after the program's name."""
    first, *below = text.split("\n")
    complain(program, first)
    if below:
        try:
            print(*below, sep="\n", file=sys.stderr, flush=True)
        except OSError:
            pass  # standard error is closed; the exit status remains
