"""The objects of ``-object`` and ``object-add``: TLS credentials, secrets, and who may come in.

Spec: QAPI, ObjectOptions. The texts are QEMU's. [Secrets that are encrypted with another one are
refused: the standard library has no AES.]
"""

import fnmatch
import os
from collections.abc import Callable
from typing import Any, BinaryIO

from qmpeer import limits
from qmpeer.chardev import TlsCredentials
from qmpeer.chardev.base64_text import read_base64
from qmpeer.chardev.key_values import check_id
from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject

__all__ = ["Objects"]


class Objects:
    """Hold the objects of one machine.

    Attributes:
        credentials: TLS credentials by their ids.
        authorizers: By their ids, what decides whether the owner of a certificate may come in.
        types: The types of all objects by their ids.
    """

    def __init__(self, open_path: Callable[[str, int], int]) -> None:
        self.credentials: dict[str, TlsCredentials] = {}
        self.authorizers: dict[str, Callable[[str], bool]] = {}
        self.types: dict[str, str] = {}
        self._secrets: dict[str, bytes] = {}
        self._open_path = open_path
        self._makers: dict[str, Callable[[str, JsonObject], None]] = {
            "authz-list": self._add_list,
            "authz-simple": self._add_simple,
            "secret": self._add_secret,
            "tls-creds-anon": self._add_anonymous,
            "tls-creds-psk": self._add_psk,
            "tls-creds-x509": self._add_x509,
        }

    @property
    def names(self) -> list[str]:
        """The ids of all objects."""
        return list(self.types)

    def add(self, properties: JsonObject) -> None:
        """Make an object.

        Args:
            properties: Of QAPI's type ObjectOptions, checked against it.

        Raises:
            ChardevError: If it can't be made, in QEMU's words.
        """
        id = check_id(str(properties["id"]))
        if id in self.types:
            what = "to object (type 'container')"
            raise ChardevError(f"attempt to add duplicate property '{id}' {what}")
        if len(self.types) >= limits.OBJECTS:
            raise ChardevError(f"there are {limits.OBJECTS} objects already")
        kind = str(properties["qom-type"])
        if "loaded" in properties:
            raise ChardevError(f"Property '{kind}.loaded' is not writable")
        self._makers[kind](id, properties)
        self.types[id] = kind

    def remove(self, id: str) -> None:
        """Remove an object; who uses it already goes on with it.

        Raises:
            ChardevError: If there is none of that name.
        """
        if self.types.pop(id, None) is None:
            raise ChardevError(f"object '{id}' not found")
        table: dict[str, Any]
        for table in (self.credentials, self.authorizers, self._secrets):
            table.pop(id, None)

    # Who may come in

    def _add_list(self, id: str, properties: JsonObject) -> None:
        rules: Any = properties.get("rules", [])
        allows_others = properties.get("policy") == "allow"
        self.authorizers[id] = lambda name: _decide(rules, allows_others, name)

    def _add_simple(self, id: str, properties: JsonObject) -> None:
        self.authorizers[id] = lambda name: name == properties["identity"]

    # Secrets

    def _add_secret(self, id: str, properties: JsonObject) -> None:
        data, path = properties.get("data"), properties.get("file")
        if "keyid" in properties:
            self._secret(str(properties["keyid"]))
            raise ChardevError("secrets that are encrypted with another one can't be read here")
        if data is not None and path is not None:
            raise ChardevError("'file' and 'data' are mutually exclusive")
        if data is not None:
            secret = str(data).encode()
        elif path is not None:
            secret = self._read(str(path))
        else:
            raise ChardevError("Either 'file' or 'data' must be provided")
        if properties.get("format") == "base64":
            secret = read_base64(secret)
        self._secrets[id] = secret

    def _read(self, path: str) -> bytes:
        what = "Failed to open"
        try:
            fd = self._open_path(path, os.O_RDONLY)
            what = "Error reading"
            with _reader(fd) as file:
                secret = file.read(limits.SECRET + 1)
        except OSError as error:
            why = f"{what} file “{path}”: {error.strerror}"
            raise ChardevError(f"Unable to read {path}: {why}") from error
        if len(secret) > limits.SECRET:
            raise ChardevError(f"Unable to read {path}: more than {limits.SECRET} bytes")
        return secret

    def _secret(self, id: str) -> bytes:
        if id not in self._secrets:
            raise ChardevError(f"No secret with id '{id}'")
        return self._secrets[id]

    # TLS

    def _add_anonymous(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import anonymous_context

        is_server = _is_server(properties)
        folder = properties.get("dir")
        context = _made(
            lambda: anonymous_context(
                None if folder is None else str(folder), server_side=is_server
            )
        )
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=False)

    def _add_psk(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import psk_context

        is_server, folder = _is_server(properties), _folder(properties)
        user = str(properties.get("username", "qemu"))
        context = _made(lambda: psk_context(folder, server_side=is_server, username=user))
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=True)

    def _add_x509(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import x509_context

        is_server, folder = _is_server(properties), _folder(properties)
        verifies = bool(properties.get("verify-peer", True))
        password = properties.get("passwordid")
        passphrase = None if password is None else lambda: self._secret(str(password))
        context = _made(
            lambda: x509_context(
                folder, server_side=is_server, verify_peer=verifies, passphrase=passphrase
            )
        )
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=verifies)


def _reader(fd: int) -> BinaryIO:
    try:
        return os.fdopen(fd, "rb")
    except OSError:  # a folder: that leaves it open
        os.close(fd)
        raise


def _decide(rules: list[JsonObject], allows_others: bool, name: str) -> bool:
    for rule in rules:
        pattern = str(rule["match"])
        if rule.get("format") == "glob":
            matches = fnmatch.fnmatchcase(name, pattern)
        else:
            matches = name == pattern
        if matches:
            return rule["policy"] == "allow"
    return allows_others


def _is_server(properties: JsonObject) -> bool:
    return properties.get("endpoint") == "server"


def _folder(properties: JsonObject) -> str:
    if "dir" not in properties:
        raise ChardevError("Missing 'dir' property value")
    return str(properties["dir"])


def _made(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except OSError as error:
        raise ChardevError(error.strerror or str(error)) from error
    except ValueError as error:
        raise ChardevError(str(error)) from error
