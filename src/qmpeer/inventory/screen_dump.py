"""A picture of a guest's screen, in a temporary file that the server writes and we read."""

import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.client.answers import read_answer
from qmpeer.display.pictures import PNG, png_of_ppm
from qmpeer.errors import CommandError, QMPError
from qmpeer.transport import UnixAddress, parse_address
from qmpeer.values import JsonObject

_FORMATS: Final = ("png", None)
"""The formats to request: PNG (QEMU 7.1 and later, if built with it), else the default, PPM."""


class _FdSet(msgspec.Struct, rename="kebab"):
    fdset_id: int


class UnreadableError(OSError):
    """A picture that the server wrote where we can't read it, or that isn't one."""


def screen_dump(client: Client, address: str, options: JsonObject) -> bytes:
    """Return a PNG of a guest's screen.

    Over a unix socket the server receives an open file, so that it needs no permission for any
    folder of ours. Over other connections, or if it doesn't accept descriptors, it writes into a
    temporary folder. Every user can enter that folder, but the file's name is random.

    Args:
        client: The connection.
        address: The address of the connection.
        options: Further arguments of "screendump": device, head.

    Raises:
        CommandError: If the server has no screen, or can't write.
        UnreadableError: If the server wrote no picture that we can read.
    """
    if _passes_descriptors(address):
        try:
            return _by_descriptor(client, options)
        except CommandError as error:
            if not _is_about_descriptors(error):
                raise
    return _by_path(client, options)


def _passes_descriptors(address: str) -> bool:
    place = parse_address(address)
    if isinstance(place, socket.socket):
        return place.family == socket.AF_UNIX
    return isinstance(place, UnixAddress)


def _is_about_descriptors(error: CommandError) -> bool:
    return error.error_class == "CommandNotFound" or "fdset" in error.desc or "file d" in error.desc


def _by_descriptor(client: Client, options: JsonObject) -> bytes:
    with tempfile.TemporaryFile() as file:
        # Opened once more, for writing only: QEMU takes from a set only a descriptor whose access
        # mode is the one that it needs.
        writing = os.open(f"/proc/self/fd/{file.fileno()}", os.O_WRONLY)
        try:
            added = client.execute("add-fd", {"opaque": "qmpeer screenshot"}, fds=[writing])
        finally:
            os.close(writing)
        number = read_answer("add-fd", added, _FdSet, "an object with an fdset-id").fdset_id
        try:
            return _dump(client, f"/dev/fdset/{number}", options, lambda: _content(file))
        finally:
            with suppress(QMPError, OSError):  # the picture counts, or the error before this one
                client.execute("remove-fd", {"fdset-id": number})


def _by_path(client: Client, options: JsonObject) -> bytes:
    with tempfile.TemporaryDirectory(prefix="qmpeer-") as folder:
        os.chmod(folder, 0o711)
        path = os.path.join(folder, os.urandom(8).hex())
        with open(path, "x+b") as file:
            os.chmod(path, 0o666)  # the server may run as another user; the name is a secret
            return _dump(client, path, options, lambda: _content(file))


def _content(file: Any) -> bytes:
    file.seek(0)
    data: bytes = file.read(limits.PICTURE + 1)
    if len(data) > limits.PICTURE:
        raise UnreadableError(f"the server wrote more than {limits.PICTURE} bytes")
    return data


def _dump(client: Client, path: str, options: JsonObject, content: Callable[[], bytes]) -> bytes:
    refused: CommandError | None = None
    for form in _FORMATS:
        arguments: JsonObject = {"filename": path, **options}
        if form is not None:
            arguments["format"] = form
        try:
            client.execute("screendump", arguments)
        except CommandError as error:
            if form is None or error.error_class == "CommandNotFound":
                raise
            refused = error  # such as "no PNG support": try the next format
            continue
        data = content()
        if not data:
            raise UnreadableError("the server wrote no picture where it can be read from here")
        try:
            return data if data.startswith(PNG) else png_of_ppm(data)
        except ValueError as error:
            raise UnreadableError(f"the server {error}") from error
    raise AssertionError(refused)  # unreachable: a refusal of the last format was raised above
