"""The place of a program: in the background or not, with its process id in a file or not."""

from collections.abc import Callable

from qmpeer.options.daemonize import PidFile, ReadyPipe, go_into_background
from qmpeer.options.program_options import ProgramOptions


def run_in_place(
    options: ProgramOptions, run: Callable[[Callable[[], None]], int], *, failed: int
) -> int:
    """Run a program with -daemonize and -pidfile as its options have them.

    Args:
        options: The parsed command line.
        run: Runs the program; it gets a function to call when all monitors are open, and returns
            the exit status.
        failed: The exit status of a program that can't start.

    Returns:
        The exit status: of the program, or of the first process, which ends before the daemon.

    Raises:
        StartError: If the file can't be created or locked.
    """
    ready_pipe = None
    if options.is_daemon:
        # Fork before a thread or an event loop exists: neither would survive in the child.
        result = go_into_background()
        if not isinstance(result, ReadyPipe):
            return result and failed
        ready_pipe = result
    # Written after the forks, by the process that stays: it contains its id, and holds the lock.
    pid_file = None if options.pid_file is None else PidFile(options.pid_file)
    try:
        return run((lambda: None) if ready_pipe is None else ready_pipe.report_ready)
    finally:
        if pid_file is not None:
            pid_file.remove()
