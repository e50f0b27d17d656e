"""The pytest plugin: fixtures that start servers, judge what they were asked, and tell of leaks.

pytest imports this module in every run of its environment, so it imports nothing of qmpeer that
takes time; a fixture does, when it is first used.
"""

import inspect
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from qmpeer.faults import Faults
    from qmpeer.script import ScriptedServer
    from qmpeer.testing.interface import Server
    from qmpeer.testing.item_state import ItemState
    from qmpeer.testing.joined_pair import Pair
    from qmpeer.testing.machine_server import MachineServer
    from qmpeer.testing.qemu_server import QemuServer
    from qmpeer.testing.recording_server import RecordingServer
    from qmpeer.testing.replay_server import ReplayServer
    from qmpeer.testing.settings import Settings

ServerT = TypeVar("ServerT", bound="Server")
_STATE: "Final[pytest.StashKey[ItemState]]" = pytest.StashKey()
_MARKS: Final = (
    (
        "qmp(schema=..., deprecated=..., version=..., package=..., capabilities=..., greeting=..., "
        "many=..., pretty=..., seed=..., options=..., allow_unexpected=..., allow_unmet=..., "
        "allow_leaks=...): options of the servers of the fixtures qmp_*"
    ),
    (
        "qmp_recording(file, ..., order=..., strict=..., conversation=..., delays=..., "
        "timestamps=...): the recordings of the fixture qmp_replay, relative to the test's file"
    ),
)


class _PlainFinder:
    """Finds this package's modules, so that pytest doesn't rewrite their assertions.

    pytest rewrites all modules of a distribution with a plugin: the first fixture would take
    several times as long.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: "ModuleType | None" = None
    ) -> ModuleSpec | None:
        """Return the specification of a module of this package, as Python itself makes it."""
        return PathFinder.find_spec(name, path) if name.startswith("qmpeer.") else None


sys.meta_path.insert(0, _PlainFinder)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("qmp", "servers of QMP (qmpeer)")
    group.addoption(
        "--qmp-add",
        metavar="ADDRESS",
        help="ask the server at ADDRESS what recordings of qmp_replay lack, and write its answers "
        "to them; it executes these commands",
    )
    group.addoption("--qmp-qemu", metavar="PROGRAM", help="the QEMU of the fixture qmp_qemu")
    parser.addini("qmp_add", "default of --qmp-add", default="")
    parser.addini("qmp_qemu", "default of --qmp-qemu", default="")
    parser.addini("qmp_qemu_options", "the options of QEMU for qmp_qemu", type="args", default=[])
    parser.addini("qmp_schema", "the schema that qmp_server and qmp_pair are held to", default="")
    parser.addini(
        "qmp_leaks",
        "what happens to a test that leaves a connection, task, thread or descriptor open: error, "
        "warn or off",
        default="error",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register our marks."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)


# Fixtures


@pytest.fixture
def qmp_faults() -> "Faults":
    """Make an empty plan of faults for the test's servers; add to it before a client connects."""
    from qmpeer.faults import Faults  # start: 10 ms

    return Faults()


@pytest.fixture
def qmp_server(request: pytest.FixtureRequest) -> "Iterator[ScriptedServer]":
    """Start a scripted server, and verify it at the end of the test."""

    def make(settings: "Settings", faults: "Faults | None") -> "ScriptedServer":
        from qmpeer.script import ScriptedServer  # start: 100 ms

        return ScriptedServer(faults=faults, **settings.script_options())

    yield from _served(request, make)


@pytest.fixture
def qmp_pair(request: pytest.FixtureRequest) -> "Iterator[Pair]":
    """Join a client and a scripted server in memory; the server is verified at the end."""

    def make(settings: "Settings", faults: "Faults | None") -> "Pair":
        from qmpeer.testing.joined_pair import Pair  # start: 100 ms

        return Pair(faults=faults, **settings.script_options())

    yield from _served(request, make)


@pytest.fixture
def qmp_replay(request: pytest.FixtureRequest) -> "Iterator[ReplayServer | RecordingServer]":
    """Start a server that answers as the test's recording says, and verify it at the end."""

    def make(settings: "Settings", faults: "Faults | None") -> "ReplayServer | RecordingServer":
        from qmpeer.testing.recorded import recorded_server  # start: 100 ms

        return recorded_server(settings, faults)

    def keep(server: "ReplayServer | RecordingServer") -> None:
        if hasattr(server, "keep"):
            server.keep()

    yield from _served(request, make, keep)


@pytest.fixture
def qmp_machine(request: pytest.FixtureRequest) -> "Iterator[MachineServer]":
    """Start the machine of ``qmpeer serve``, in this process."""

    def make(settings: "Settings", faults: "Faults | None") -> "MachineServer":
        from qmpeer.testing.machine_server import MachineServer  # start: 100 ms

        return MachineServer(faults=faults, **settings.machine_options())

    def refusals() -> tuple[type[Exception], ...]:
        from qmpeer.options import StartError  # start: 50 ms

        return (StartError,)

    yield from _served(request, make, refusals=refusals)


@pytest.fixture
def qmp_qemu(request: pytest.FixtureRequest) -> "Iterator[QemuServer]":
    """Start a real QEMU; without one the test is skipped."""

    def make(settings: "Settings", faults: "Faults | None") -> "QemuServer":
        from qmpeer.testing.qemu_server import QemuServer  # start: 100 ms

        try:
            return QemuServer(faults=faults, **settings.qemu_options())
        except FileNotFoundError as error:
            pytest.skip(f"qmp_qemu: {error}")

    yield from _served(request, make)


def _served(
    request: pytest.FixtureRequest,
    make: "Callable[[Settings, Faults | None], ServerT]",
    passed: "Callable[[ServerT], None]" = lambda server: None,
    refusals: "Callable[[], tuple[type[Exception], ...]]" = tuple,
) -> Iterator[ServerT]:
    """Give a server that runs during the test, and verify it at the end.

    Args:
        request: The fixture's request.
        make: Makes the server.
        passed: Called with the server if the test has passed so far.
        refusals: Returns further errors by which the server refuses its options.
    """
    from qmpeer.errors import QMPError, ScriptError, ScriptMismatch  # start: 20 ms
    from qmpeer.testing.item_state import ItemState, mismatch_text  # start: 100 ms
    from qmpeer.testing.settings import Settings  # start: 5 ms

    name = str(request.fixturename)
    item: pytest.Item = request.node
    settings = Settings(item)
    state = item.stash.get(_STATE, None)
    if state is None:
        state = item.stash[_STATE] = ItemState(settings.about_leaks != "off")
    has_faults = "qmp_faults" in request.fixturenames
    faults = request.getfixturevalue("qmp_faults") if has_faults else None
    expected: tuple[type[Exception], ...] = (QMPError, OSError, ValueError, *refusals())
    try:
        server = make(settings, faults)
        server.start()
    except expected as error:
        # The place of a schema that isn't there would be in pytest.
        reason = error.reason if isinstance(error, ScriptError) else error
        raise pytest.fail.Exception(f"{name}: {reason}", pytrace=False) from None
    state.servers[name] = server
    try:
        yield server
    finally:
        server.stop()
    if not state.has_failed:
        try:
            server.verify(**settings.waivers())
        except ScriptMismatch as error:
            raise pytest.fail.Exception(mismatch_text(error), pytrace=False) from None
        passed(server)


# The test around them


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Watch the tasks of an async test that uses our fixtures."""
    state = item.stash.get(_STATE, None)
    watch = None if state is None else state.leaks
    if watch is None:
        yield
        return
    function: Any = getattr(item, "obj", None)
    is_watched = inspect.iscoroutinefunction(function)
    if is_watched:
        from qmpeer.testing.tasks import told_about_tasks  # start: 60 ms

        item.obj = told_about_tasks(function, watch.body_ended)  # type: ignore[attr-defined]  # of a function's item
    yield
    if is_watched:
        item.obj = function  # type: ignore[attr-defined]  # as above
    else:
        watch.body_ended()


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, None]:
    """Report what the test has left open, once its fixtures have ended."""
    outcome = yield
    state = item.stash.get(_STATE, None)
    if state is None or state.leaks is None:
        return
    if state.has_failed or outcome.excinfo is not None:
        state.leaks.close()
        return
    if leaks := state.leaks.leaks():
        _tell(item, outcome, leaks)


def _tell(item: pytest.Item, outcome: Any, leaks: list[str]) -> None:
    from qmpeer.testing.leaks import leaks_text  # start: 100 ms
    from qmpeer.testing.settings import Settings  # start: 5 ms

    text = leaks_text(leaks)
    if Settings(item).about_leaks == "warn":
        item.warn(pytest.PytestWarning(text))
        return
    failure = pytest.fail.Exception(text, pytrace=False)
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(failure)
    else:  # pluggy before 1.1
        raise failure


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[Any]"
) -> Generator[None, Any, None]:
    """Put the conversation into the report of a failure."""
    state = item.stash.get(_STATE, None)
    if state is None:
        yield
        return
    if call.excinfo is not None:
        state.has_failed = True
        _hide_our_frames(item, call.excinfo)
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections.extend(state.sections(report.when))
    if report.when == "teardown":
        del item.stash[_STATE]


def _hide_our_frames(item: pytest.Item, excinfo: Any) -> None:
    from qmpeer.errors import QMPError  # start: 20 ms
    from qmpeer.testing.item_state import hide_our_frames  # start: 100 ms

    if isinstance(excinfo.value, QMPError) and not item.config.getoption("fulltrace", False):
        hide_our_frames(excinfo.value)
