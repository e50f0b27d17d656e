"""The converter that generates the blocking client from the async one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.blocking_client import CLIENT, SOURCES, ConversionError, converted, formatted

SAMPLE = '''
"""A sample, for asyncio."""

from collections.abc import Awaitable, Callable

from qmpeer.client.aio.reply import Reply
from qmpeer.client.aio.subscription import AsyncEvents


class AsyncSample:
    """A thing for the async client.

    Attributes:
        client: Its `AsyncClient`.
    """

    def __init__(self, wake: Callable[[dict[str, int]], Awaitable[list[int]]]) -> None:
        self.wake = wake

    async def first(self, events: "AsyncEvents[int]") -> int:
        """Return the first event, a number; it is awaited, and cancelling that leaves it there.

        Args:
            events: Where it comes from.

        Returns:
            The number, as the
            server sent it.

        Raises:
            LookupError: If there is none.

        Example:
            >>> await AsyncSample(print).first(events)  # doctest: +SKIP
            7
        """
        # blocking: - ; it is awaited, and cancelling that leaves it there
        # blocking: - The number … sent it.
        # blocking: + That number.
        # blocking: - LookupError: If
        # blocking: + TimeoutError: If none comes
        # blocking: + in time.
        # blocking: + LookupError: If
        async with events:
            async for event in events:  # the first
                return event + (await self.wake({"a": 1}))[0]
        raise LookupError(f"AsyncEvents of {events} ended")

    def begin(self) -> Reply[dict[str, list[int]]]:
        return self.execute()
'''.replace("AsyncSample", "AsyncGuestAgent").lstrip()

EXPECTED = '''
# Generated from aio/sample.py by scripts/blocking_client.py: `make fix` writes it anew.
"""A sample, for blocking code."""

from collections.abc import Callable

from qmpeer.client.blocking.subscription import Events


class GuestAgent:
    """A thing for the blocking client.

    Attributes:
        client: Its `Client`.
    """

    def __init__(self, wake: Callable[[dict[str, int]], list[int]]) -> None:
        self.wake = wake

    def first(self, events: "Events[int]") -> int:
        """Return the first event, a number.

        Args:
            events: Where it comes from.

        Returns:
            That number.

        Raises:
            TimeoutError: If none comes in time.
            LookupError: If there is none.

        Example:
            >>> GuestAgent(print).first(events)  # doctest: +SKIP
            7
        """
        with events:
            for event in events:  # the first
                return event + (self.wake({"a": 1}))[0]
        raise LookupError(f"Events of {events} ended")

    def begin(self) -> dict[str, list[int]]:
        return self.execute()
'''.lstrip()


def test_a_sample() -> None:
    assert formatted(converted(SAMPLE, "aio/sample.py")) == EXPECTED


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('"""A."""\n# blocking: - B.\n', "found no such text in the docstring: B."),
        ('"""A."""\n# blocking: + B.\n', "nothing gives way to: B."),
        ('# blocking: - B.\n"""A."""\n', "line 1 stands below no docstring"),
        ("x = AsyncThing()\n", "a.py: AsyncThing isn't in the table of names"),
        ("import asyncio\n", "asyncio isn't in the table of names"),
    ],
    ids=["no such text", "nothing to replace", "no docstring", "a new name", "asyncio"],
)
def test_what_cannot_be_converted(source: str, complaint: str) -> None:
    with pytest.raises(ConversionError, match=complaint):
        converted(source, "a.py")


def run(client: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "scripts.blocking_client", *options, str(client)]
    root = CLIENT.parents[2]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """A copy of the package to convert."""
    return Path(shutil.copytree(CLIENT, tmp_path / "client"))


def test_what_is_committed_is_what_the_sources_make(client: Path) -> None:
    done = run(client, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_method_of_the_async_client_appears_in_the_blocking_one(client: Path) -> None:
    source, target = client / "aio" / "client.py", client / "blocking" / "client.py"
    method = '''    async def stop(self, *, timeout: Timeout = DEFAULT) -> None:
        """Pause the guest."""
        await self.execute("stop", timeout=timeout)

'''
    before, text = "    # The connection\n", source.read_text()
    assert text.count(before) == 1
    source.write_text(text.replace(before, method + before))
    stale = run(client, "--check")
    assert stale.returncode == 1
    assert stale.stdout == (
        f"{target} is stale: its source in client/aio has changed; `make fix` writes it anew\n"
    )
    assert run(client).returncode == 0
    assert (
        "    def stop(self, *, timeout: Timeout = DEFAULT) -> None:\n"
        '        """Pause the guest."""\n'
        '        self.execute("stop", timeout=timeout)\n'
    ) in target.read_text()
    assert run(client, "--check").returncode == 0


@pytest.mark.parametrize("folder", ["aio", "blocking"])
def test_what_stays_by_hand_is_short(folder: str) -> None:
    lines = (CLIENT / folder / "primitives.py").read_text().splitlines()
    assert len(lines) <= 100


def test_each_generated_file_says_so() -> None:
    said = {
        path.stem
        for path in (CLIENT / "blocking").glob("*.py")
        if path.read_text().startswith(f"# Generated from aio/{path.name} by scripts/")
    }
    assert said == set(SOURCES)
