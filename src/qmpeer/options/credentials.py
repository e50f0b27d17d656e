"""Objects that guard connections: TLS credentials, secrets and access lists.

Spec: QAPI, ObjectOptions. The error texts are QEMU's. [Secrets that another secret encrypts are
refused: the standard library has no AES.]
"""

import fnmatch
import os
import ssl
from collections.abc import Callable, Collection
from typing import Any, BinaryIO, Final

from qmpeer import limits
from qmpeer.chardev import TlsCredentials
from qmpeer.chardev.base64_text import read_base64
from qmpeer.errors import ChardevError
from qmpeer.monitor import Context
from qmpeer.options.objects import Properties
from qmpeer.values import JsonObject

_ANONYMOUS: Final = "tls-creds-anon"
_PSK: Final = "tls-creds-psk"
_X509: Final = "tls-creds-x509"


class Credentials:
    """The credentials and access lists of one program.

    Attributes:
        tls: TLS credentials by id.
        authorizers: Access lists by id: functions of the name in a certificate that return
            whether its owner may connect.
    """

    def __init__(self, open_path: Callable[[str, int], int]) -> None:
        self.tls: dict[str, TlsCredentials] = {}
        self.authorizers: dict[str, Callable[[str], bool]] = {}
        self._secrets: dict[str, bytes] = {}
        self._open_path = open_path
        self._makers: dict[str, Callable[[str, JsonObject], None]] = {
            "authz-list": self._add_list,
            "authz-simple": self._add_simple,
            "secret": self._add_secret,
            _ANONYMOUS: self._add_tls,
            _PSK: self._add_tls,
            _X509: self._add_tls,
        }

    @property
    def types(self) -> Collection[str]:
        """The types of objects that `add` makes."""
        return self._makers

    def add(self, id: str, properties: JsonObject) -> None:
        """Create an object.

        Raises:
            ChardevError: If it can't be created, in QEMU's words.
        """
        kind = str(properties["qom-type"])
        if "loaded" in properties:
            raise ChardevError(f"Property '{kind}.loaded' is not writable")
        self._makers[kind](id, properties)

    def remove(self, id: str, context: Context | None) -> None:
        """Remove an object; devices and connections that use it already keep it."""
        table: dict[str, Any]
        for table in (self.tls, self.authorizers, self._secrets):
            table.pop(id, None)

    def properties(self, id: str) -> Properties:
        """Return nothing: the properties of credentials aren't shown."""
        return {}

    # Access lists

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
            self._secret(str(properties["keyid"]))  # QEMU's error if it doesn't exist comes first
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
        failure = "Failed to open"
        try:
            fd = self._open_path(path, os.O_RDONLY)
            failure = "Error reading"
            with _reader(fd) as file:
                secret = file.read(limits.SECRET + 1)
        except OSError as error:
            why = f"{failure} file “{path}”: {error.strerror}"
            raise ChardevError(f"Unable to read {path}: {why}") from error
        if len(secret) > limits.SECRET:
            raise ChardevError(f"Unable to read {path}: more than {limits.SECRET} bytes")
        return secret

    def _secret(self, id: str) -> bytes:
        if id not in self._secrets:
            raise ChardevError(f"No secret with id '{id}'")
        return self._secrets[id]

    # TLS

    def _add_tls(self, id: str, properties: JsonObject) -> None:
        is_server = properties.get("endpoint") == "server"
        try:
            context = self._context(properties, is_server)
        except OSError as error:
            raise ChardevError(error.strerror or str(error)) from error
        except ValueError as error:
            raise ChardevError(str(error)) from error
        kind = properties["qom-type"]
        identifies = kind == _PSK or (kind == _X509 and bool(properties.get("verify-peer", True)))
        self.tls[id] = TlsCredentials(context, is_server, identifies_clients=identifies)

    def _context(self, properties: JsonObject, is_server: bool) -> ssl.SSLContext:
        from qmpeer.transport import filters  # start: 17 ms

        kind, folder = properties["qom-type"], properties.get("dir")
        if kind == _ANONYMOUS:
            path = None if folder is None else str(folder)
            return filters.anonymous_context(path, server_side=is_server)
        if folder is None:
            raise ChardevError("Missing 'dir' property value")
        if kind == _PSK:
            user = str(properties.get("username", "qemu"))
            return filters.psk_context(str(folder), server_side=is_server, username=user)
        password = properties.get("passwordid")
        return filters.x509_context(
            str(folder),
            server_side=is_server,
            verify_peer=bool(properties.get("verify-peer", True)),
            # Called only if the key is encrypted.
            passphrase=None if password is None else lambda: self._secret(str(password)),
        )


def _reader(fd: int) -> BinaryIO:
    try:
        return os.fdopen(fd, "rb")
    except OSError:  # a folder; fdopen() leaves the descriptor open then
        os.close(fd)
        raise


def _decide(rules: list[JsonObject], allows_others: bool, name: str) -> bool:
    """Return the policy of the first rule that matches a name, else the list's own."""
    for rule in rules:
        pattern = str(rule["match"])
        if rule.get("format") == "glob":
            matches = fnmatch.fnmatchcase(name, pattern)
        else:
            matches = name == pattern
        if matches:
            return rule["policy"] == "allow"
    return allows_others
