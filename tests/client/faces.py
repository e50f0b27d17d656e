"""A common blocking interface to both clients, so that each scenario is written once.

The async client runs on a loop (asyncio's or uvloop's) in another thread, and each call waits for
its outcome there.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from subprocess import Popen
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

from qmpeer import AsyncClient, Client, Event, Greeting
from qmpeer.client import AsyncEvents, AsyncGuestAgent, Events, GuestAgent
from qmpeer.transport import AddressLike
from tests.patience import PATIENCE

T = TypeVar("T")
P = ParamSpec("P")


def background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call a function in a new thread."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class Subscription(Protocol):
    """A subscription of either client."""

    @property
    def dropped(self) -> int: ...

    def next(self, timeout: float | None = PATIENCE) -> Any: ...

    def __iter__(self) -> Iterator[Event]: ...

    def close(self) -> None: ...


class Vm(ABC):
    """A client of either kind."""

    client: Any

    @abstractmethod
    def execute(self, command: Any, arguments: Any = None, **options: Any) -> Any: ...

    @abstractmethod
    def begin(self, command: str, arguments: Any = None, **options: Any) -> Future[Any]:
        """Execute a command without waiting for its outcome."""

    @abstractmethod
    def events(self, *names: Any, **options: Any) -> Subscription: ...

    @abstractmethod
    def event_mark(self) -> int: ...

    @abstractmethod
    def wait_event(self, *wanted: Any, **options: Any) -> Any: ...

    @abstractmethod
    def check(self, binding: Any) -> Any: ...

    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Call a method of the client without waiting for its outcome."""
        return self.start_on(self.client, method, *args, **options)

    @abstractmethod
    def start_on(self, what: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Call a method of an object that the client made, without waiting for its outcome."""

    @abstractmethod
    def within(self, manager: Any, function: Callable[[], T]) -> Future[T]:
        """Call a function within a context manager that the client made."""

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client."""
        return self.start(method, *args, **options).result(PATIENCE)

    @abstractmethod
    def new_monitor(self, **options: Any) -> "Vm": ...

    @abstractmethod
    def close(self) -> None: ...

    @property
    def greeting(self) -> Greeting | None:
        greeting: Greeting | None = self.client.greeting
        return greeting

    @property
    def capabilities(self) -> tuple[str, ...]:
        return tuple(self.client.capabilities)

    @property
    def process(self) -> "Popen[bytes]":
        process: Popen[bytes] | None = self.client.process
        assert process is not None
        return process

    @property
    def is_closed(self) -> bool:
        return bool(self.client.is_closed)

    def __repr__(self) -> str:
        return repr(self.client)

    def __enter__(self) -> "Vm":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Face(ABC):
    """A kind of client, with the loop that it runs on."""

    @abstractmethod
    def connect(self, address: AddressLike, **options: Any) -> Vm: ...

    @abstractmethod
    def accept(self, address: AddressLike, **options: Any) -> Vm: ...

    @abstractmethod
    def launch(self, argv: Sequence[str], **options: Any) -> Vm: ...

    @abstractmethod
    def agent(self, address: AddressLike, **options: Any) -> "Agent":
        """Connect to a guest agent."""

    @abstractmethod
    def end(self) -> None:
        """Close everything that was made here."""


class Agent(ABC):
    """A guest agent's client of either kind."""

    @abstractmethod
    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Call a method without waiting for its outcome."""

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method."""
        return self.start(method, *args, **options).result(PATIENCE)

    @abstractmethod
    def while_frozen(self, function: Callable[[], T], **options: Any) -> Future[T]:
        """Call a function while file systems are frozen."""

    def __enter__(self) -> "Agent":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.call("close")


class BlockingAgent(Agent):
    def __init__(self, agent: GuestAgent) -> None:
        self.agent = agent

    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        return background(getattr(self.agent, method), *args, **options)

    def while_frozen(self, function: Callable[[], T], **options: Any) -> Future[T]:
        def run() -> T:
            with self.agent.frozen(**options):
                return function()

        return background(run)


class AsyncAgent(Agent):
    def __init__(self, agent: AsyncGuestAgent, loop: "LoopThread") -> None:
        self.agent = agent
        self._loop = loop

    def start(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        return self._loop.begin(lambda: getattr(self.agent, method)(*args, **options))

    def while_frozen(self, function: Callable[[], T], **options: Any) -> Future[T]:
        async def run() -> T:
            async with self.agent.frozen(**options):
                return function()

        return self._loop.begin(run)


class BlockingVm(Vm):
    """The blocking client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def execute(self, command: Any, arguments: Any = None, **options: Any) -> Any:
        return self.client.execute(command, arguments, **options)

    def begin(self, command: str, arguments: Any = None, **options: Any) -> Future[Any]:
        return background(self.client.execute, command, arguments, **options)

    def events(self, *names: Any, **options: Any) -> "BlockingSubscription":
        return BlockingSubscription(self.client.events(*names, **options))

    def event_mark(self) -> int:
        return int(self.client.event_mark())

    def wait_event(self, *wanted: Any, **options: Any) -> Any:
        return self.client.wait_event(*wanted, **options)

    def check(self, binding: Any) -> Any:
        return self.client.check(binding)

    def start_on(self, what: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        return background(getattr(what, method), *args, **options)

    def new_monitor(self, **options: Any) -> "BlockingVm":
        return BlockingVm(self.client.new_monitor(**options))

    def within(self, manager: Any, function: Callable[[], T]) -> Future[T]:
        def run() -> T:
            with manager:
                return function()

        return background(run)

    def close(self) -> None:
        self.client.close()


class BlockingSubscription:
    def __init__(self, events: Events[Event]) -> None:
        self._events = events

    @property
    def dropped(self) -> int:
        return self._events.dropped

    def next(self, timeout: float | None = PATIENCE) -> Any:
        return self._events.next(timeout)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def close(self) -> None:
        self._events.close()


class BlockingFace(Face):
    """The blocking client."""

    def __init__(self) -> None:
        self._clients: list[Client] = []

    def _made(self, client: Client) -> BlockingVm:
        self._clients.append(client)
        return BlockingVm(client)

    def connect(self, address: AddressLike, **options: Any) -> Vm:
        return self._made(Client.connect(address, **options))

    def accept(self, address: AddressLike, **options: Any) -> Vm:
        return self._made(Client.accept(address, **options))

    def launch(self, argv: Sequence[str], **options: Any) -> Vm:
        return self._made(Client.launch(argv, **options))

    def agent(self, address: AddressLike, **options: Any) -> Agent:
        return BlockingAgent(GuestAgent.connect(address, **options))

    def end(self) -> None:
        for client in self._clients:
            client.close()


class LoopThread:
    """An event loop in a new thread."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.loop = new_loop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def submit(self, make: Callable[[], Awaitable[T]]) -> Future[T]:
        """Start a function on the loop; its result is awaited there."""

        async def run() -> T:
            return await make()

        return asyncio.run_coroutine_threadsafe(run(), self.loop)

    def begin(self, make: Callable[[], Awaitable[T]]) -> Future[T]:
        """Start a function on the loop; return a future of its result or unchanged exception."""
        future: Future[T] = Future()

        async def run() -> T:
            return await make()

        def end(task: "asyncio.Task[T]") -> None:
            if task.cancelled():
                future.cancel()
            elif (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        def begin() -> None:
            task = self.loop.create_task(run())
            future.add_done_callback(
                lambda done: done.cancelled() and self.loop.call_soon_threadsafe(task.cancel)
            )
            task.add_done_callback(end)

        self.loop.call_soon_threadsafe(begin)
        return future

    def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Call a function on the loop and wait for its outcome."""
        return self.submit(make).result(PATIENCE)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class AsyncVm(Vm):
    """The async client behind blocking calls."""

    def __init__(self, client: AsyncClient, loop: LoopThread) -> None:
        self.client = client
        self._loop = loop

    def execute(self, command: Any, arguments: Any = None, **options: Any) -> Any:
        return self._loop.call(lambda: self.client.execute(command, arguments, **options))

    def begin(self, command: str, arguments: Any = None, **options: Any) -> Future[Any]:
        return self._loop.submit(lambda: self.client.execute(command, arguments, **options))

    def events(self, *names: Any, **options: Any) -> "AsyncSubscription":
        async def subscribe() -> AsyncEvents[Event]:
            events: AsyncEvents[Event] = self.client.events(*names, **options)
            return events

        return AsyncSubscription(self._loop.call(subscribe), self._loop)

    def event_mark(self) -> int:
        return int(self._loop.call(self.client.event_mark))

    def wait_event(self, *wanted: Any, **options: Any) -> Any:
        return self._loop.call(lambda: self.client.wait_event(*wanted, **options))

    def check(self, binding: Any) -> Any:
        return self._loop.call(lambda: self.client.check(binding))

    def start_on(self, what: Any, method: str, *args: Any, **options: Any) -> Future[Any]:
        return self._loop.begin(lambda: getattr(what, method)(*args, **options))

    def new_monitor(self, **options: Any) -> "AsyncVm":
        making = self._loop.begin(lambda: self.client.new_monitor(**options))
        return AsyncVm(making.result(PATIENCE), self._loop)

    def within(self, manager: Any, function: Callable[[], T]) -> Future[T]:
        async def run() -> T:
            async with manager:
                return await asyncio.to_thread(function)

        return self._loop.begin(run)

    def close(self) -> None:
        self._loop.call(self.client.close)


class AsyncSubscription:
    def __init__(self, events: AsyncEvents[Event], loop: LoopThread) -> None:
        self._events = events
        self._loop = loop

    @property
    def dropped(self) -> int:
        return self._events.dropped

    def next(self, timeout: float | None = PATIENCE) -> Any:
        return self._loop.call(lambda: self._events.next(timeout))

    def __iter__(self) -> Iterator[Event]:
        while True:
            try:
                yield self._loop.call(self._events.__anext__)
            except StopAsyncIteration:
                return

    def close(self) -> None:
        async def close() -> None:
            self._events.close()

        self._loop.call(close)


class AsyncFace(Face):
    """The async client on a loop of the given kind."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = LoopThread(new_loop)
        self._clients: list[AsyncClient] = []

    def _made(self, make: Callable[[], Awaitable[AsyncClient]]) -> AsyncVm:
        client = self._loop.call(make)
        self._clients.append(client)
        return AsyncVm(client, self._loop)

    def connect(self, address: AddressLike, **options: Any) -> Vm:
        return self._made(lambda: AsyncClient.connect(address, **options))

    def accept(self, address: AddressLike, **options: Any) -> Vm:
        return self._made(lambda: AsyncClient.accept(address, **options))

    def launch(self, argv: Sequence[str], **options: Any) -> Vm:
        return self._made(lambda: AsyncClient.launch(argv, **options))

    def agent(self, address: AddressLike, **options: Any) -> Agent:
        agent = self._loop.begin(lambda: AsyncGuestAgent.connect(address, **options)).result(
            PATIENCE
        )
        return AsyncAgent(agent, self._loop)

    def end(self) -> None:
        for client in self._clients:
            self._loop.call(client.close)
        self._loop.end()
        assert not self._loop.complaints
