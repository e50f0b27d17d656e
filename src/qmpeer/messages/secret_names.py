"""The names of secrets, and the commands that may carry secrets, with their members.

These tables don't use a server's schema: the commands that are logged are often wrong.

Spec: the QAPI schema's members that carry passwords, keys and secrets, QEMU 2.0 to 10.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from qmpeer.messages.similar_names import near_names
from qmpeer.on_off import WHOLE_WORDS

SECRETS: Final[Mapping[str, frozenset[str]]] = {
    "blockdev-add": frozenset({"key"}),  # of rbd
    "change": frozenset({"arg"}),  # change vnc password TEXT
    "guest-exec": frozenset({"arg", "env", "input-data"}),
    "guest-file-write": frozenset({"buf-b64"}),
    "guest-ssh-add-authorized-keys": frozenset({"keys"}),
    "migrate": frozenset({"args"}),  # of a program
    "migrate-incoming": frozenset({"args"}),
    "netdev-add": frozenset({"smb"}),  # a share, maybe with its user's password
    "object-add": frozenset({"data"}),
}
"""By command, members that are secrets although their names don't show it."""

_ID: Final = r"[\w.#:/\[\]-]+"
_PATH: Final = r"[^\s=]+"
_SWITCH: Final = "|".join(WHOLE_WORDS)
_PLAIN: Final = rf"{_SWITCH}|[+-]?[0-9][0-9a-fA-Fx.]*[kKMGTb]?"
_VNC: Final = {"protocol": "vnc|spice", "display": r"vnc\d?|default"}

TYPING: Final = frozenset({"input-send-event", "send-key"})
"""Commands whose arguments may type a password, key by key."""

CARRIERS: Final[Mapping[str, Mapping[str, str]]] = {
    "block-passwd": {"device": _ID, "node-name": _ID},
    "change": {"device": _ID, "target": _PATH},
    "change-vnc-password": {},
    "expire-password": {**_VNC, "time": r"now|never|\+?\d+"},
    "guest-exec": {"path": r"[\w./+-]+", "capture-output": rf"{_SWITCH}|\w{{1,9}}"},
    "guest-file-write": {"handle": r"\d+", "count": r"\d+"},
    "guest-set-user-password": {"username": _ID, "crypted": _SWITCH},
    "guest-ssh-add-authorized-keys": {"username": _ID, "reset": _SWITCH},
    "object-add": {
        "qom-type": r"secret(?:_keyring)?|tls-[\w-]+",
        "id": _ID,
        "file": _PATH,
        "format": "raw|base64",
        "keyid": _ID,
        "iv": r"[\w+/=]+",
        "loaded": _SWITCH,
        "serial": r"\d+",
        "dir": _PATH,
        "endpoint": "client|server",
        "verify-peer": _SWITCH,
        "sanity-check": _SWITCH,
        "priority": r"[\w+:.@!%-]+",
        "username": _ID,
    },
    "qom-set": {"path": _PATH, "property": _ID, "value": _PLAIN},
    "set-password": {**_VNC, "connected": "keep|fail|disconnect"},
}
"""Commands that may carry a secret, with patterns of the member texts that may be shown.

`object-add` is one only for objects that hold secrets.
"""

_OBJECTS: Final = re.compile(
    r"acpi-|authz-|can-|colo-|cryptodev-|dbus-|filter-|igvm|input-|iommufd|iothread|main-loop|"
    r"memory-backend-|monitor-|pef-|pr-manager|qtest|rng-|s390-|sev-|tdx-|thread-|throttle-|x-"
)
"""Beginnings of the types of objects without secrets."""
_MORE_NAMES: Final = (
    "api-key", "apikey", "auth-token", "cookie", "cookies", "credentials", "pass", "passphrase",
    "private-key", "pw", "pwd", "secret", "secrets", "secretkey", "token",
)  # fmt: skip
_MISSPELT: Final = ("cookie", "passphrase", "passwd", "password", "secret")
_UNICODE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def simple_name(name: str) -> str:
    """Return a name as in the tables: lower case, dashes, JSON escapes decoded."""
    plain = _UNICODE.sub(lambda found: chr(int(found[1], 16)), name) if "\\" in name else name
    return plain.lower().replace("_", "-")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Return whether a member's name is that of a secret, even if misspelt.

    Example:
        >>> [is_secret_name(name) for name in ("password", "PASSWRD", "proxy-password", "key")]
        [True, True, True, False]
        >>> is_secret_name("password-secret")  # the id of an object
        False
    """
    if is_called_secret(name):
        return True
    simple = simple_name(name)
    if not 4 <= len(simple) <= 12 or simple.endswith("-secret"):
        return False
    return bool(near_names(simple, _MISSPELT, 1))


def is_called_secret(name: str) -> bool:
    """Return whether a correctly spelt name is that of a secret."""
    simple = simple_name(name)
    return ("passw" in simple and not simple.endswith("-secret")) or simple in _MORE_NAMES


@lru_cache(maxsize=1024)
def carrier_of(command: str) -> str | None:
    """Return the secret-carrying command that a name means, even if misspelt; else None.

    Example:
        >>> carrier_of("set_passwrd"), carrier_of("query-name")
        ('set-password', None)
    """
    simple = simple_name(command)
    if simple in CARRIERS:
        return simple
    if len(simple) > 60 or simple in _NEIGHBOURS:
        return None
    found = near_names(simple, CARRIERS, 1)
    return found[0] if found else None


_NEIGHBOURS: Final = frozenset(
    {
        "guest-file-read",
        "guest-ssh-get-authorized-keys",
        "guest-ssh-remove-authorized-keys",
        "object-del",
        "password",
        "qom-get",
        "qom-list",
    }
)
"""Names that resemble a secret-carrying command but aren't one."""


def is_shown(carrier: str, member: str, text: str) -> bool:
    """Return whether a text may be shown as a member of a secret-carrying command."""
    form = CARRIERS[carrier].get(simple_name(member))
    return form is not None and re.fullmatch(form, text) is not None


def keeps_secrets(type_name: str) -> bool:
    """Return whether a text is the type of an object that holds secrets."""
    return re.fullmatch(CARRIERS["object-add"]["qom-type"], type_name) is not None


def is_plain_object(type_name: str) -> bool:
    """Return whether a text is the type of an object without secrets."""
    return _OBJECTS.match(type_name) is not None
