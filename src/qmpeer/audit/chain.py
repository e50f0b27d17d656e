"""The chain of an audit log: each line ends with a digest over the line before and itself.

A line is a JSON object whose last member is "mac": BLAKE2b of the mac before it, in hexadecimal,
followed by the line's bytes up to ``,"mac"``. With a key it is a message authentication code: who
doesn't have the key can't make one. Without a key it is a plain digest, which anybody can make.

Spec: RFC 7693, BLAKE2b with a key, 20 bytes of digest and a personalization string.
"""

import hashlib
import re
from typing import Final

SIZE: Final = 40
"""Hexadecimal digits of a mac."""
NOTHING: Final = "0" * SIZE
"""The mac before the first line of a log."""
_PERSON: Final = b"qmpeer audit"
_TAIL: Final = re.compile(rb',"mac":"([0-9a-f]{%d})"}\Z' % SIZE)
_TAIL_SIZE: Final = SIZE + len(b',"mac":""}')


class Chain:
    """The macs of one log.

    Args:
        key: The key; None for a plain digest.

    Example:
        >>> chain = Chain(None)
        >>> mac, line = chain.sealed(NOTHING, b'{"number":1')
        >>> parted(line.rstrip()) == (b'{"number":1', mac)
        True
    """

    __slots__ = ("_begun",)

    def __init__(self, key: bytes | None) -> None:
        self._begun = hashlib.blake2b(key=key or b"", digest_size=SIZE // 2, person=_PERSON)

    def mac(self, before: str, body: bytes) -> str:
        """Return the mac of a line, given the one before it and the bytes up to its own."""
        digest = self._begun.copy()
        digest.update(before.encode() + body)
        return digest.hexdigest()

    def sealed(self, before: str, body: bytes) -> tuple[str, bytes]:
        """Return a line's mac, and the whole line.

        Args:
            before: The mac before it.
            body: A JSON object with at least one member, without its closing brace.
        """
        mac = self.mac(before, body)
        return mac, b'%b,"mac":"%b"}\n' % (body, mac.encode())


def parted(line: bytes) -> tuple[bytes, str] | None:
    """Split a line, without its line ending, into body and mac; None if it has no mac."""
    found = _TAIL.search(line, max(0, len(line) - _TAIL_SIZE))
    return (line[: found.start()], found[1].decode()) if found else None


def key_name(key: bytes | None) -> str:
    """Return a name by which a key is recognized, and which gives nothing away; "" for no key."""
    if key is None:
        return ""
    return hashlib.blake2b(key=key, digest_size=8, person=b"qmpeer key name").hexdigest()
