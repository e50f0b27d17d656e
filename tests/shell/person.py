"""A person at a terminal: types, and reads what comes."""

import asyncio
import io
import re
from pathlib import Path
from types import TracebackType

from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from qmpeer.shell.documentation import Documentation
from qmpeer.shell.link import Link
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from qmpeer.shell.terminal import Terminal
from qmpeer.shell.terminal_screen import TerminalScreen
from tests.patience import PATIENCE

SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[=>])|\r")


class Paper(io.StringIO):
    """Keep all that is written, and tell when more is."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    def write(self, text: str) -> int:
        self.more.set()
        return super().write(text)


class Person:
    """Sit at a shell that runs in this process."""

    def __init__(
        self,
        address: str | Path,
        *,
        columns: int = 80,
        rows: int = 24,
        history: History | None = None,
        is_human: bool = False,
        reconnects: bool = False,
        negotiate: bool = True,
        connect_timeout: float | None = None,
        has_pager: bool = False,
        documentation: Documentation = lambda: None,
    ) -> None:
        self.paper = Paper()
        self._seen = 0
        self._pipe = create_pipe_input()
        self._input = self._pipe.__enter__()
        output = Vt100_Output(
            self.paper, lambda: Size(rows=rows, columns=columns), term="xterm", enable_cpr=False
        )
        settings = Settings()
        self.link = Link(str(address), negotiate=negotiate, connect_timeout=connect_timeout)
        self._screen = TerminalScreen(output, settings, has_pager=has_pager)
        self.session = Session(self.link, self._screen, settings, documentation)
        self.terminal = Terminal(
            self.session,
            self._screen,
            history or InMemoryHistory(),
            input=self._input,
            output=output,
            is_human=is_human,
            reconnects=reconnects,
        )
        self.left: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Person":
        async with asyncio.timeout(PATIENCE):
            await self.terminal.begin()
            if self.link.is_connected:
                await self.link.learn()
        self.left = asyncio.ensure_future(self.terminal.run())
        await self.reads(r"qmp>|qga>|\(hmp\)|\(gone\)")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self.left is not None
        if not self.left.done():
            self._input.send_text("\x03\x04")
        async with asyncio.timeout(PATIENCE):
            await self.left
            await self.session.close()
            await self._screen.close()
        self._pipe.__exit__(None, None, None)

    def types(self, text: str) -> None:
        """Type keys."""
        self._input.send_text(text)

    async def pastes(self, text: str) -> None:
        """Paste a text, which may be more than fits into the pipe."""
        await asyncio.to_thread(self._input.send_text, f"\x1b[200~{text}\x1b[201~")

    @property
    def line(self) -> str:
        """What stands in the line now."""
        return self.terminal._prompt.default_buffer.text

    async def until(self, line: str) -> None:
        """Wait until this stands in the line."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.line != line:
                    self.paper.more.clear()
                    await self.paper.more.wait()
        except TimeoutError:
            raise AssertionError(f"{self.line!r} in the line, not {line!r}") from None

    @property
    def text(self) -> str:
        """All that was written, without sequences."""
        return SEQUENCE.sub("", self.paper.getvalue())

    async def reads(self, pattern: str) -> "re.Match[str]":
        """Wait until a pattern is there behind what was read before, and return it."""
        wanted = re.compile(pattern, re.S)
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := wanted.search(self.text, self._seen)):
                    self.paper.more.clear()
                    await self.paper.more.wait()
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self.text[self._seen :]!r}") from None
        self._seen = found.end()
        return found

    async def executes(self, line: str, pattern: str) -> "re.Match[str]":
        """Type a line and wait for what it shows."""
        self.types(line)
        await self.until(line)
        self._seen = len(self.text)
        self.types("\r")
        return await self.reads(pattern)
