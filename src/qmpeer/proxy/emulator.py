"""The program that stands as libvirt's ``<emulator>``: QEMU, with a proxy on libvirt's monitor.

libvirt starts it in QEMU's place. To ask what QEMU can do, libvirt passes no socket for a monitor:
then this program becomes QEMU at once. Otherwise it makes a pair of sockets, starts ``qmpeer
proxy`` with one of them and with libvirt's socket, and becomes QEMU with the other one::

    libvirt --> its socket --> qmpeer proxy --> pair of sockets --> QEMU
    others  --> further sockets --/

QEMU has the process id that libvirt knows. The proxy is a process of its own. It inherits none of
QEMU's descriptors but standard error, libvirt's log of the domain, and it ends when QEMU does.

Nothing slow is imported: libvirt starts this program for each question.
"""

import errno
import os
import select
import signal
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from qmpeer import limits
from qmpeer.proxy.libvirt_monitor import LibvirtMonitor, domain_of, find_monitor

FAILED: Final = 1
"""The exit status of a QEMU that can't start."""


class EmulatorSettings(NamedTuple):
    """The settings of one emulator, which stand in its file.

    Attributes:
        qemu: The path of the real QEMU.
        options: The options of ``qmpeer proxy``, in which %n stands for the domain's name.
        or_direct: True to start QEMU without a proxy if that can't start.
    """

    qemu: str
    options: Sequence[str]
    or_direct: bool = False

    def words(self) -> list[str]:
        """Return them as the words that `read_settings` reads."""
        return ["--qemu", self.qemu, *["--or-direct"] * self.or_direct, *self.options]


def read_settings(words: Sequence[str]) -> EmulatorSettings:
    """Read the settings of an emulator.

    Raises:
        ValueError: If they don't begin with --qemu QEMU.
    """
    if len(words) < 2 or words[0] != "--qemu":
        raise ValueError("expected --qemu QEMU first")
    or_direct = words[2:3] == ["--or-direct"]
    return EmulatorSettings(words[1], words[2 + or_direct :], or_direct)


def main(words: Sequence[str]) -> int:
    """Become QEMU, with a proxy on libvirt's monitor if there is one.

    Args:
        words: The settings, ``--``, and QEMU's command line.

    Returns:
        The exit status, if QEMU can't be started.
    """
    try:
        end = words.index("--")
        settings, arguments = read_settings(words[:end]), list(words[end + 1 :])
        monitor = find_monitor(arguments)
        if monitor is not None:
            arguments = _with_proxy(settings, arguments, monitor)
        _become(settings.qemu, arguments)
    except OSError as error:
        _complain(f"{error.filename or 'the proxy'}: {error.strerror}")
    except ValueError as error:
        _complain(str(error))
    return FAILED


def _with_proxy(
    settings: EmulatorSettings, arguments: Sequence[str], monitor: LibvirtMonitor
) -> list[str]:
    """Start the proxy, and return QEMU's command line with a socket that leads to it."""
    import socket  # start: 5 ms

    ours, qemus = socket.socketpair()
    try:
        options = domain_of(arguments).fill(settings.options)
        words = proxy_words(monitor, ours.fileno(), options)
        command = [sys.executable, "-I", "-m", "qmpeer", "proxy", *words]
        _start_proxy(command, monitor.fd, ours.fileno())
    except TimeoutError:
        raise  # it may still take libvirt's socket
    except (OSError, ValueError) as error:
        if not settings.or_direct:
            raise
        _complain(f"{error}; QEMU starts without a proxy")
        return list(arguments)
    os.set_inheritable(monitor.fd, False)
    return monitor.connected(arguments, _kept(qemus.detach()))


def proxy_words(monitor: LibvirtMonitor, server: int, options: Iterable[str]) -> list[str]:
    """Return the words behind ``qmpeer proxy``.

    Args:
        monitor: The monitor, on libvirt's socket.
        server: The descriptor that leads to QEMU.
        options: The further options.
    """
    device = f"socket,id={monitor.label},fd={monitor.fd},server=on,wait=off"
    return [
        *(f"fd:{server}", "--listen-first", "--print-address"),
        *("--command-timeout", "off"),  # libvirt waits for QEMU for ever, as without a proxy
        *options,  # first: if they fail, libvirt's socket was touched by nobody
        *("-chardev", device, "-mon", f"chardev={monitor.label},mode=control"),
    ]


def _start_proxy(command: list[str], *fds: int) -> None:
    """Start the proxy as a process of its own, and wait until it listens.

    Raises:
        ValueError: If it ends before; its own error stands on standard error.
        TimeoutError: If it takes too long.
    """
    ready, report = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _become_proxy(command, report, fds)
        except BaseException as error:
            _complain(f"the proxy can't be started: {error}")
        finally:
            os._exit(FAILED)
    os.close(report)
    os.waitpid(child, 0)
    poller = select.poll()
    poller.register(ready, select.POLLIN)
    events = poller.poll(limits.EMULATOR_TIMEOUT * 1000)
    try:
        if not events:
            seconds = f"{limits.EMULATOR_TIMEOUT:g} s"
            raise TimeoutError(errno.ETIMEDOUT, f"it doesn't listen after {seconds}")
        if not os.read(ready, 1):
            raise ValueError("the proxy has ended before it listened")
    finally:
        os.close(ready)


def _become_proxy(command: list[str], report: int, fds: Collection[int]) -> None:
    """Execute the proxy, with these descriptors and no other but standard error."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(report, 1)
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - {2}:
        with suppress(OSError):  # the descriptor of the list itself
            os.set_inheritable(fd, fd < 2 or fd in fds)
    os.execv(command[0], command)


def _kept(fd: int) -> int:
    os.set_inheritable(fd, True)
    return fd


def _become(qemu: str, arguments: Iterable[str]) -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; QEMU would inherit that
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(qemu, [qemu, *arguments])
    except OSError as error:
        raise OSError(error.errno, error.strerror, qemu) from error


def _complain(text: str) -> None:
    print(f"qmpeer proxy: {text}", file=sys.stderr, flush=True)  # noqa: T201 - libvirt shows it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
