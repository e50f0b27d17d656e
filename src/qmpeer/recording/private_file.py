"""Files that only their owner may read."""

import os
import stat


def open_private(path: str, flags: int = 0) -> int:
    """Open a file for appending, make it private to its owner, and return its descriptor.

    Raises:
        OSError: If it can't be written, or belongs to another user.
    """
    # O_NONBLOCK for opening only: a FIFO without a reader is an error, not a wait.
    flags |= os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, 0o600)
    try:
        status = os.fstat(fd)
        # Only a regular file: /dev/stderr, for example, keeps its mode.
        if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(fd, stat.S_IMODE(status.st_mode) & 0o700)
        os.set_blocking(fd, True)
    except OSError as error:
        os.close(fd)
        raise OSError(error.errno, f"others may read it: {error.strerror}", path) from None
    return fd
