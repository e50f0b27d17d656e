"""Exceptions of a signal handler before and after each call of a blocking client."""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from time import sleep, thread_time
from types import FrameType
from typing import Any

import pytest

from qmpeer import Client, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.client.blocking.channel import Channel
from qmpeer.client.blocking.roles import PendingCommand, Role
from qmpeer.errors import LocalProtocolError
from qmpeer.values import JsonObject
from tests.client.conftest import OurMonitor
from tests.client.faces import background
from tests.patience import PATIENCE


class Struck(BaseException):
    """The exception that the signal handler raises."""


class Striker:
    """A counter of the points at which a signal may strike, which raises at one of them."""

    def __init__(self, *at: int) -> None:
        self._at = at
        self._passed = 0
        self.is_on = False
        self._thread = threading.get_ident()

    def pass_by(self) -> None:
        if self.is_on and threading.get_ident() == self._thread:
            self._passed += 1
            if self._passed in self._at:
                raise Struck

    @property
    def has_struck(self) -> bool:
        return self._passed >= self._at[0]


class Watched:
    """A proxy of an object, with a strike point before and after each call."""

    def __init__(self, real: Any, striker: Striker) -> None:
        object.__setattr__(self, "_real", real)
        object.__setattr__(self, "_striker", striker)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._real, name, value)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._striker.pass_by()
            result = found(*args, **kwargs)
            self._striker.pass_by()
            return result

        return call


class WatchedLock(Watched):
    """A proxy of a lock with strike points around `with`, which never leaves the lock taken."""

    def __enter__(self) -> None:
        self._striker.pass_by()
        self._real.acquire()

    def __exit__(self, *exc: object) -> None:
        self._real.release()
        self._striker.pass_by()

    def acquire(self, blocking: bool = True) -> bool:
        return bool(self._real.acquire(blocking))

    def release(self) -> None:
        self._real.release()
        self._striker.pass_by()


class WatchedInbox(deque[bytes]):
    """A proxy of the inbox with a strike point after the data was received."""

    striker: Striker

    def extend(self, items: Any) -> None:
        self.striker.pass_by()
        super().extend(items)
        self.striker.pass_by()


def watch(channel: Channel, striker: Striker) -> None:
    inbox = WatchedInbox()
    inbox.striker = striker
    watched: dict[str, Any] = {
        "lock": WatchedLock(channel.lock, striker),
        "socket": Watched(channel.socket, striker),
        "session": Watched(channel.session, striker),
        "_inbox": inbox,
    }
    for name, value in watched.items():
        setattr(channel, name, value)


def refused(vm: Client) -> None:
    with pytest.raises(CommandError):
        vm.execute("nonesuch", timeout=PATIENCE)


USES: dict[str, Callable[[Client], object]] = {
    "execute": lambda vm: vm.execute("echo", {"value": 1}, timeout=PATIENCE),
    "out of band": lambda vm: vm.execute("release", {"name": "x"}, oob=True, timeout=PATIENCE),
    "an error": refused,
    "event_mark": lambda vm: vm.event_mark(),
    "an event": lambda vm: vm.wait_event("X", since=0, timeout=PATIENCE),
    "close": lambda vm: vm.close(),
}


def goes_on(vm: Client) -> None:
    """Assert that the client works or is closed, in this thread and in another."""
    values: tuple[JsonObject, ...] = ({"value": 5}, {"value": 6})
    for value in values:
        executing = background(echo, vm, value)
        outcomes: list[Callable[[], object]] = [
            partial(executing.result, PATIENCE),
            partial(echo, vm, value),
        ]
        for outcome in outcomes:
            try:
                assert outcome() == value
            except (ConnectionClosed, CommandInterrupted):
                pass


def echo(vm: Client, value: JsonObject) -> object:
    return vm.execute("echo", value, timeout=PATIENCE)


def strikes(ours: OurMonitor, use: Callable[[Client], object], *at: int) -> bool:
    """Use a client and strike; return whether the strike point was reached."""
    striker = Striker(*at)
    vm = Client.connect(ours.address, timeout=PATIENCE)
    vm.execute("emit", {"name": "X"}, timeout=PATIENCE)
    watch(vm._channel, striker)  # type: ignore[arg-type]
    try:
        striker.is_on = True
        try:
            use(vm)
        except (Struck, ConnectionClosed, CommandInterrupted):
            pass
        striker.is_on = False
        goes_on(vm)
    finally:
        striker.is_on = False
        vm.close()
    assert vm.is_closed
    return striker.has_struck


@pytest.mark.parametrize("how", USES)
def test_one_strike(ours: OurMonitor, how: str) -> None:
    at = 1
    while strikes(ours, USES[how], at):
        at += 1
    assert at > 3


@pytest.mark.parametrize("how", USES)
@pytest.mark.parametrize("behind", [1, 2, 3])
def test_a_second_strike_while_the_first_is_cleaned_up(
    ours: OurMonitor, how: str, behind: int
) -> None:
    at = 1
    while strikes(ours, USES[how], at, at + behind):
        at += 1


# Handlers that use the client


@pytest.fixture
def on_alarm() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Return a context in which a signal soon calls a function."""
    before = signal.getsignal(signal.SIGALRM)

    def arrange(function: Callable[[], object]) -> None:
        def handle(signum: int, frame: FrameType | None) -> None:
            function()

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.02)

    yield arrange
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_handler_may_close_it(
    ours: OurMonitor, on_alarm: Callable[[Callable[[], object]], None]
) -> None:
    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        on_alarm(vm.close)
        with pytest.raises((ConnectionClosed, CommandInterrupted), match="the client was closed"):
            vm.wait_event("NEVER", timeout=PATIENCE)
        assert vm.is_closed
        assert vm.fileno() == -1


def test_a_handler_cannot_use_what_it_has_interrupted(
    ours: OurMonitor, on_alarm: Callable[[Callable[[], object]], None]
) -> None:
    refused: list[BaseException] = []

    def use() -> None:
        for how in ("execute", "an event"):
            try:
                USES[how](vm)
            except LocalProtocolError as error:
                refused.append(error)
        ours.monitor.emit("Y")

    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        on_alarm(use)
        assert vm.wait_event("Y", timeout=PATIENCE).name == "Y"
        assert len(refused) == 2
        assert vm.execute("echo", {"value": 1}, timeout=PATIENCE) == {"value": 1}


def test_a_handler_that_raises_leaves_it_usable(
    ours: OurMonitor, on_alarm: Callable[[Callable[[], object]], None]
) -> None:
    def strike() -> None:
        raise Struck

    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        mark = vm.event_mark()
        on_alarm(strike)
        with pytest.raises(Struck):
            vm.wait_event("NEVER", timeout=PATIENCE)
        assert vm.execute("echo", {"value": 1}, timeout=PATIENCE) == {"value": 1}
        vm.execute("emit", {"name": "X"}, timeout=PATIENCE)
        assert vm.wait_event("X", since=mark, timeout=PATIENCE).name == "X"


def test_closing_waits_for_no_lock(ours: OurMonitor) -> None:
    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        with vm._channel.lock:
            background(vm.close).result(PATIENCE)
            assert vm.is_closed
        with pytest.raises(ConnectionClosed, match="the client was closed"):
            vm.execute("echo", {"value": 1}, timeout=PATIENCE)


def test_who_sends_next_notices_that_bytes_were_cut(ours: OurMonitor) -> None:
    """Another thread may send before the interrupted thread cleans up."""
    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        channel = vm._channel
        assert isinstance(channel, Channel)
        with channel.lock:
            channel._is_cut = True  # an interrupted sender has just given its role back
            call = PendingCommand()
            channel.session.execute("echo", {"value": 1}, call)
        channel._send_all(call, None)
        assert isinstance(call.error, CommandInterrupted)
        with pytest.raises(ConnectionClosed, match="cut a command short"):
            vm.execute("echo", {"value": 1}, timeout=PATIENCE)


def somebody_elses() -> Role:
    """Return the role of a thread that doesn't exist."""
    role = Role()
    role.thread = 0
    return role


def test_who_is_struck_sends_what_others_have_left_to_it(ours: OurMonitor) -> None:
    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        channel = vm._channel
        assert isinstance(channel, Channel)
        channel._sender = somebody_elses()
        waiting = background(partial(vm.execute, "echo", {"value": 1}, timeout=PATIENCE))
        while channel._reader is None:  # it receives, because the sending thread sends its command
            sleep(0)
        channel._sender = None
        channel._abandon(PendingCommand())
        assert waiting.result(PATIENCE) == {"value": 1}


def test_who_waits_for_one_that_sends_sleeps(ours: OurMonitor) -> None:
    def spent() -> float:
        begin = thread_time()
        with pytest.raises(TimeoutError):
            vm.execute("echo", {"value": 1}, timeout=0.5)
        return thread_time() - begin

    with Client.connect(ours.address, timeout=PATIENCE) as vm:
        channel = vm._channel
        assert isinstance(channel, Channel)
        channel._sender, channel._reader = somebody_elses(), somebody_elses()
        assert background(spent).result(PATIENCE) < 0.1
        channel._sender = channel._reader = None
