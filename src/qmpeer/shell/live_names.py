"""A cache of the names of objects on the server, which completion reads without waiting.

A lookup that misses is noted. `LiveNames.fetch` then queries the server for all that are missing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from qmpeer import limits
from qmpeer.client import AsyncClient
from qmpeer.client.answers import UNREADABLE
from qmpeer.errors import QMPError
from qmpeer.shell.files import file_names
from qmpeer.shell.human_completion import human_names
from qmpeer.shell.properties import PropertyQuery
from qmpeer.values import JsonValue

_PATHS: Final = frozenset({"qom-path"})


class LiveNames:
    """A cache of names that expire after a moment.

    Args:
        client: Returns the client, or None while there is none.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self, client: Callable[[], AsyncClient | None], clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[_Key, tuple[float, Any]] = {}
        self._missing: set[_Key] = set()
        self._lock = asyncio.Lock()

    def __call__(self, kind: str, about: str) -> Sequence[str]:
        """Return the cached names of one kind; note a miss."""
        if kind == "file":
            return list(file_names(about))
        found: Sequence[str] | None = self._remembered(_key(kind, about))
        return found or ()

    def answer(self, query: PropertyQuery) -> JsonValue:
        """Return the cached answer to a query, or None; note a miss."""
        answer: JsonValue = self._remembered(query)
        return answer

    def _remembered(self, key: "_Key") -> Any:
        found = self._known.get(key)
        if found is None or self._clock() - found[0] > limits.SHELL_NAMES_AGE:
            self._missing.add(key)
        return found[1] if found else None

    @property
    def is_complete(self) -> bool:
        """True if no lookup has missed since the last fetch, and no fetch is running."""
        return not self._missing and not self._lock.locked()

    def forget(self) -> None:
        """Drop the cached names that a command may have changed."""
        self._known = {key: item for key, item in self._known.items() if _is_lasting(key)}

    async def fetch(self) -> bool:
        """Query the server for the names that lookups missed.

        Returns:
            True if the cache may hold more than before.
        """
        # Each key starts a fetch, and they run one at a time. A fetch that waited returns True, as
        # the one before it may have filled the cache.
        had_to_wait = self._lock.locked()
        async with self._lock:
            missing, self._missing = self._missing, set()
            client = self._client()
            if client is None or client.is_closed:
                return had_to_wait
            for key in missing:
                found: Any = None
                with contextlib.suppress(QMPError, TimeoutError, *UNREADABLE):
                    found = await _ask(client, key)
                self._known[key] = (self._clock(), found)
        return bool(missing) or had_to_wait


_Key: TypeAlias = tuple[str, str] | PropertyQuery
"""A kind of names with the text that limits them, or a query for properties."""


def _is_lasting(key: _Key) -> bool:
    """Return whether commands leave an entry valid, such as the human monitor's commands."""
    return isinstance(key, tuple) and key[0] == "human"


def _key(kind: str, about: str) -> tuple[str, str]:
    """Return the cache key of a lookup: for a path, its folder without the typed beginning."""
    if kind in _PATHS:
        return kind, about.rpartition("/")[0]
    return kind, about


async def _ask(client: AsyncClient, key: _Key) -> Any:
    timeout = limits.SHELL_NAMES_TIMEOUT
    if not isinstance(key, tuple):
        return await client.execute(key.command, key.arguments, timeout=timeout)
    kind, about = key
    if kind == "human":
        return await human_names(client, about, timeout)
    if kind == "secret":  # objects of types such as secret and secret_keyring
        found = await client.execute("qom-list", {"path": "/objects"}, timeout=timeout)
        return [str(e["name"]) for e in found if "secret" in str(e["type"])]
    return await client.names(kind, within=about, timeout=timeout)
