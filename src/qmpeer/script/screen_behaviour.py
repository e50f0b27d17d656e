"""A screen whose pictures are written at once, late or never."""

import asyncio
import os
from contextlib import suppress
from typing import Literal, TypeAlias

from qmpeer.display.pictures import Picture
from qmpeer.errors import CommandError
from qmpeer.script.behaviours import Behaviour, Host, check_room, text_argument
from qmpeer.script.calls import Call
from qmpeer.values import JsonValue

Writes: TypeAlias = Literal["now", "late", "never"]

_FDSET = "/dev/fdset/"


class Screen(Behaviour):
    """A screen of one colour, for screendump: into a file, or a descriptor of add-fd.

    Args:
        host: The server.
        writes: When the picture is written: "now" before the reply, "late" after it, or "never".
        seconds: With "now" the time until the reply, with "late" the time from the reply to the
            picture.
        size: Its width and height.
        color: Its colour: red, green, blue.

    Attributes:
        picture: The picture; it may change.
    """

    def __init__(
        self,
        host: Host,
        *,
        writes: Writes = "now",
        seconds: float = 0.0,
        size: tuple[int, int] = (64, 48),
        color: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        super().__init__(host)
        width, height = size
        self.picture: Picture = Picture(width, height, bytes(color) * (width * height))
        self._writes = writes
        self._seconds = seconds
        self._sets: dict[int, int] = {}  # the descriptor of each set
        self.answer("screendump", self._screendump)
        self.answer("add-fd", self._add_fd)
        self.answer("remove-fd", self._remove_fd)

    async def _screendump(self, call: Call) -> None:
        path = text_argument(call, "filename")
        is_png = call.arguments.get("format") == "png"
        if self._writes == "now":
            if self._seconds:
                await asyncio.sleep(self._seconds)
            try:
                self._write(path, is_png)
            except OSError as error:
                desc = f"failed to open file '{path}': {error.strerror}"
                raise CommandError("GenericError", desc) from error
        elif self._writes == "late":
            self.later(self._seconds, lambda: self._write_late(path, is_png))

    def _write_late(self, path: str, is_png: bool) -> None:
        with suppress(OSError):  # nobody is left to be told
            self._write(path, is_png)

    def _write(self, path: str, is_png: bool) -> None:
        picture = self.picture
        data = picture.png() if is_png else _ppm(picture)
        number = path.removeprefix(_FDSET)
        if path.startswith(_FDSET) and number.isdecimal():
            if int(number) not in self._sets:
                raise FileNotFoundError(2, "No such file or directory", path)
            os.write(self._sets[int(number)], data)
            return
        with open(path, "wb") as file:
            file.write(data)

    def _add_fd(self, call: Call) -> JsonValue:
        if not call.fds:
            desc = "No file descriptor supplied via SCM_RIGHTS"
            raise CommandError("GenericError", desc)
        check_room(self._sets)
        number = next(each for each in range(len(self._sets) + 1) if each not in self._sets)
        self._sets[number] = call.fds[0]
        return {"fdset-id": number, "fd": call.fds[0]}

    def _remove_fd(self, call: Call) -> None:
        number = call.arguments.get("fdset-id")
        if not isinstance(number, int) or self._sets.pop(number, None) is None:
            desc = f"File descriptor named 'fdset-id:{number}' not found"
            raise CommandError("GenericError", desc)


def _ppm(picture: Picture) -> bytes:
    return b"P6\n%d %d\n255\n%b" % (picture.width, picture.height, picture.pixels)
