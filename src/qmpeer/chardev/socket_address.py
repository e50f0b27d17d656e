"""The address of a socket device: QAPI's SocketAddressLegacy, opened as a socket and as text.

Spec: QEMU: ``to`` is the last port to try, ``ipv4`` and ``ipv6`` select families, ``abstract``
names have no file, and ``tight=off`` pads them with NULs. The errors are QEMU's.
"""

import asyncio
import errno
import os
import re
import socket
from functools import partial
from typing import Final

from qmpeer import limits
from qmpeer.chardev.host import FindFd
from qmpeer.errors import ChardevError
from qmpeer.transport import Address, TcpAddress, UnixAddress, listen
from qmpeer.transport.address import VsockAddress
from qmpeer.transport.aio.connecting import connect
from qmpeer.transport.dialling import DialPlan
from qmpeer.transport.listening import ExposedError, Owner, own_path
from qmpeer.transport.sockets import Endpoint, adopt_fd, look_up
from qmpeer.values import JsonObject

_SUN_PATH: Final = 108
_FD: Final = re.compile(r"[ \t-\r]*[+-]?[0-9]+")
_LONGEST_FD: Final = 10
_VSOCK_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_INT_MAX: Final = 0x7FFF_FFFF


class SocketAddress:
    """One address of a socket device.

    Attributes:
        kind: unix, inet, vsock or fd.
        data: The members of the address.
    """

    def __init__(self, address: JsonObject) -> None:
        self.kind: str = str(address["type"])
        data = address["data"]
        assert isinstance(data, dict)
        self.data: JsonObject = data

    @property
    def where(self) -> str:
        """The address in errors."""
        match self.kind:
            case "unix":
                return str(self.data["path"])
            case "inet":
                return f"{self.data.get('host', '')}:{self.data['port']}"
            case "vsock":
                return f"{self.data['cid']}:{self.data['port']}"
        return str(self.data["str"])

    def text(self, protocol: str) -> str:
        """Return the address as query-chardev shows it while no client is connected."""
        match self.kind:
            case "inet":
                return f"{protocol}:{self.where}"
            case "unix" if self.data.get("abstract"):
                return f"unix:{self.where},abstract=on{',tight=on' if self._is_tight else ''}"
        return f"{self.kind}:{self.where}"

    @property
    def _is_tight(self) -> bool:
        return bool(self.data.get("tight", True))

    # Listening

    async def listen(
        self, *, insecure: bool, mode: int, owner: Owner | None, find_fd: FindFd | None
    ) -> socket.socket:
        """Bind and listen.

        Raises:
            ChardevError: If that fails.
        """
        if self.kind == "fd":
            return self._adopt_listener(insecure, find_fd)
        if self.kind == "inet":
            return await self._listen_inet(insecure)
        if self.kind == "unix" and not self.where and not self.data.get("abstract"):
            self.data = {**self.data, "path": _free_path()}
        complaint = "Failed to bind socket"
        if self.kind == "unix":
            complaint += f" to {self.where}"
        try:
            return listen(self._plain(), insecure=insecure, mode=mode, owner=owner)
        except OSError as error:
            raise _refused(error, complaint) from error

    def _adopt_listener(self, insecure: bool, find_fd: FindFd | None) -> socket.socket:
        sock = self._adopt(find_fd)
        try:
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                sock.listen(1)
            # Spec: QEMU removes the socket's file at the end, as for a socket of its own.
            return own_path(listen(sock, insecure=insecure))
        except OSError as error:
            sock.close()
            raise _refused(error, "Failed to listen on fd socket") from error

    async def _listen_inet(self, insecure: bool) -> socket.socket:
        host = str(self.data.get("host", ""))
        found = await self.resolve(to_listen=True)
        if not host and self.family == socket.AF_UNSPEC:
            hosts = [("", int(found[0].sockaddr[1]))]  # one socket takes clients of both families
        else:
            found.sort(key=lambda endpoint: endpoint.family)
            hosts = [(str(each.sockaddr[0]), int(each.sockaddr[1])) for each in found]
        # If the range has no port, QEMU reports whatever errno was set last.
        failure = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        complaint = "Failed to create a socket"
        for numeric, first in hosts:
            last = int(str(self.data.get("to", first))) & 0xFFFF
            for port in range(first, last + 1):
                address = TcpAddress(numeric, port)
                try:
                    return listen(address, insecure=insecure)
                except OSError as error:
                    failure = error
                    if error.errno != errno.EADDRINUSE:
                        complaint = "Failed to bind socket"
                        break
                    complaint = "Failed to find an available port"
        raise _refused(failure, complaint) from failure

    # Connecting

    async def connect(self, find_fd: FindFd | None, timeout: float | None) -> socket.socket:
        """Connect.

        Raises:
            ChardevError: If that fails.
        """
        if self.kind == "fd":
            return self._adopt(find_fd)
        if self.kind == "inet":
            endpoints = await self.resolve(to_listen=False)
        else:
            endpoints = self._plain().endpoints()
        now = asyncio.get_running_loop().time
        failure: OSError | None = None
        for endpoint in endpoints:
            plan = DialPlan(self.where, timeout=timeout, wait_for_socket=False, now=now())
            try:
                return await connect([endpoint], plan)
            except OSError as error:
                failure = error
        assert failure is not None
        why = failure.strerror or f"no answer within {timeout:g} s"
        raise ChardevError(f"Failed to connect to '{self.where}': {why}") from failure

    # Both

    def _plain(self) -> Address:
        """Return the `Address` of a unix or vsock address.

        Raises:
            ChardevError: If the address is invalid.
        """
        if self.kind == "vsock":
            return VsockAddress(self._vsock("cid"), self._vsock("port"))
        path = self.where
        is_abstract = bool(self.data.get("abstract"))
        longest = limits.UNIX_PATH - is_abstract
        if len(os.fsencode(path)) > longest:
            hint = f"Path must be less than {longest + 1} bytes"
            raise ChardevError(f"UNIX socket path '{path}' is too long", hint=hint)
        if is_abstract:
            padding = 0 if self._is_tight else _SUN_PATH - 1 - len(os.fsencode(path))
            return UnixAddress("@" + path + "\0" * padding)
        if not path:  # dialled: a name on which nobody listens
            return UnixAddress("@" + "\0" * (_SUN_PATH - 1))
        # A leading "@" would make the name abstract.
        return UnixAddress("./" + path if path.startswith("@") else path)

    def _vsock(self, name: str) -> int:
        text = str(self.data[name])
        if not _VSOCK_NUMBER.fullmatch(text) or int(text) >= 1 << 32:
            raise ChardevError(f"Failed to parse {name} '{text}'")
        return int(text)

    @property
    def family(self) -> socket.AddressFamily:
        """The address family that ``ipv4`` and ``ipv6`` select; AF_UNSPEC for both families.

        Raises:
            ChardevError: If they exclude both.
        """
        four, six = self.data.get("ipv4"), self.data.get("ipv6")
        if four is False and six is False:
            raise ChardevError("Cannot disable IPv4 and IPv6 at same time")
        if four and six:
            return socket.AF_UNSPEC
        if six or four is False:
            return socket.AF_INET6
        if four or six is False:
            return socket.AF_INET
        return socket.AF_UNSPEC

    async def resolve(
        self,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        *,
        to_listen: bool,
        family: int | None = None,
    ) -> list[Endpoint]:
        """Resolve the host and port to endpoints.

        Raises:
            ChardevError: If there are none.
        """
        wanted = int(self.family) if family is None else family
        host, port = str(self.data.get("host", "")), str(self.data["port"])
        where = f"(null):{port}" if kind is socket.SOCK_DGRAM and not host else self.where
        flags = socket.AI_PASSIVE if to_listen else socket.AI_V4MAPPED
        if self.data.get("numeric"):
            flags |= socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        if not to_listen and not host and kind is socket.SOCK_STREAM:
            why = "Name or service not known"
            raise ChardevError(f"address resolution failed for {where}: {why}")

        ask = partial(look_up, host, port or None, family=wanted, kind=kind, flags=flags)
        timeout = limits.CONNECT_TIMEOUT
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.get_running_loop().run_in_executor(None, ask)
        except TimeoutError as error:
            why = f"no answer within {timeout:g} s"
            raise ChardevError(f"address resolution failed for {where}: {why}") from error
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "Name or service not known"
            raise ChardevError(f"address resolution failed for {where}: {why}") from error

    def _adopt(self, find_fd: FindFd | None) -> socket.socket:
        name = self.where
        if find_fd is not None:
            fd = find_fd(name)
            if fd is None:
                raise ChardevError(f"File descriptor named '{name}' has not been found")
        else:
            fd = _descriptor(name)
        if fd < 0:
            raise ChardevError(f"File descriptor '{name}' is not a socket")
        try:
            return adopt_fd(fd)
        except OSError as error:
            if error.errno == errno.EPROTOTYPE:
                raise ChardevError(str(error.strerror)) from error
            raise ChardevError(f"File descriptor '{name}' is not a socket") from error


def _descriptor(text: str) -> int:
    if not _FD.fullmatch(text):
        raise ChardevError(f"Unable to parse FD number {text}")
    digits = text.strip().lstrip("+-").lstrip("0") or "0"
    number = int(digits) if len(digits) <= _LONGEST_FD else _INT_MAX + 1
    if text.strip().startswith("-"):
        number = -number
    if not -_INT_MAX - 1 <= number <= _INT_MAX:
        raise ChardevError(f"Unable to parse FD number {text}: {os.strerror(errno.ERANGE)}")
    return number


def _free_path() -> str:
    """Return a new path in GLib's folder for temporary files, for a socket without a path."""
    folder = os.environ.get("TMPDIR") or "/tmp"
    return os.path.join(folder, f"qemu-socket-{os.urandom(4).hex()}")


def _refused(error: OSError, complaint: str) -> ChardevError:
    if isinstance(error, ExposedError):
        return ChardevError(f"{error.reason}, or --insecure")
    if error.errno is None:  # our own error, with a complete text
        return ChardevError(str(error))
    if isinstance(error, socket.gaierror):
        return ChardevError(str(error.strerror))
    return ChardevError(f"{complaint}: {error.strerror}")
