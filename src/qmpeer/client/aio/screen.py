"""Pictures of a guest's screen, and waits for it to change or to stand still."""

from contextlib import suppress

import msgspec

from qmpeer import limits
from qmpeer.client.aio.primitives import call_blocking
from qmpeer.client.aio.procedures import CommandClient, watchful_pause
from qmpeer.client.answers import read_answer
from qmpeer.client.picture_file import PictureFile
from qmpeer.client.screen_watch import ScreenWatch
from qmpeer.client.timeouts import Countdown
from qmpeer.display.pictures import Picture
from qmpeer.errors import CommandError, QMPError
from qmpeer.values import JsonObject


class _FdSet(msgspec.Struct, rename="kebab"):
    fdset_id: int


class AsyncScreen:
    """A screen whose pictures are taken, one after the other. Use it as an async context manager.

    All pictures of one use share one file: QEMU forgets the descriptors of a stopped machine only
    when that runs again, so each further one would stay open in it.

    Args:
        client: The client.
        options: Further arguments of "screendump": device, head.
        countdown: The deadline of all pictures.
        patience: Seconds for each picture; None sets no limit.
    """

    def __init__(
        self,
        client: CommandClient,
        options: JsonObject,
        countdown: Countdown,
        patience: float | None = None,
    ) -> None:
        self._client = client
        self._options = options
        self._countdown = countdown
        self._patience = patience
        self._set: int | None = None  # the number of the set that has our descriptor
        self._file = PictureFile(has_path=False)

    async def __aenter__(self) -> "AsyncScreen":
        try:
            await self._lend()
        except BaseException:
            self._file.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            if self._set is None:
                return
            taken: JsonObject = {"fdset-id": self._set}
            if isinstance(exc[1], GeneratorExit):  # a coroutine that is being closed can't wait
                self._client.execute("remove-fd", taken, timeout=limits.PICTURE_FORGET)
            else:
                with suppress(QMPError, OSError):  # the picture counts, or the error before this
                    await self._client.execute("remove-fd", taken, timeout=limits.PICTURE_FORGET)
        finally:
            self._file.close()

    async def picture(self) -> Picture:
        """Return a picture of the screen, as described at `AsyncClient.screenshot`."""
        if self._set is not None:
            try:
                return await self._dump(f"/dev/fdset/{self._set}")
            except CommandError as error:
                if not _is_about_descriptors(error):
                    raise
                self._use_a_path()
        return await self._dump(self._file.path)

    async def _lend(self) -> None:
        """Give the server a descriptor of the file; if it takes none, take a file with a path."""
        arguments: JsonObject = {"opaque": "qmpeer picture"}
        timeout = self._countdown.remaining(self._patience)
        fds = [self._file.descriptor]
        try:
            added = await self._client.execute("add-fd", arguments, timeout=timeout, fds=fds)
        except ValueError:  # descriptors can't be sent over this connection
            self._use_a_path()
        except CommandError as error:
            if not _is_about_descriptors(error):
                raise
            self._use_a_path()
        else:
            expected = "an object with an fdset-id"
            self._set = read_answer("add-fd", added, _FdSet, expected).fdset_id

    def _use_a_path(self) -> None:
        self._file.close()
        self._file = PictureFile(has_path=True)
        self._set = None

    async def _dump(self, path: str) -> Picture:
        self._file.clear()
        arguments: JsonObject = {"filename": path, **self._options}
        timeout = self._countdown.remaining(self._patience)
        await self._client.execute("screendump", arguments, timeout=timeout)
        return await call_blocking(self._file.picture)


def _is_about_descriptors(error: CommandError) -> bool:
    return error.error_class == "CommandNotFound" or "fdset" in error.desc or "file d" in error.desc


async def take_picture(client: CommandClient, options: JsonObject, countdown: Countdown) -> Picture:
    """Return a picture of the screen, as described at `AsyncClient.screenshot`."""
    async with AsyncScreen(client, options, countdown) as screen:
        return await screen.picture()


async def watch_screen(
    client: CommandClient,
    watch: ScreenWatch,
    interval: float,
    options: JsonObject,
    countdown: Countdown,
    patience: float | None,
) -> Picture:
    """Take pictures until the watch is satisfied, as described at `AsyncClient.wait_screen`."""
    interval = max(interval, limits.SCREEN_INTERVAL_LEAST)
    async with AsyncScreen(client, options, countdown, patience) as screen:
        while True:
            picture = await screen.picture()
            if await call_blocking(watch.is_satisfied_by, picture):
                return picture
            await watchful_pause(client._channel, countdown.remaining(interval))
            if countdown.is_over:
                raise TimeoutError(watch.late(countdown.timeout or 0.0))
