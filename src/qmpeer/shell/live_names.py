"""Names of what the server has, kept for a moment: completion asks without waiting.

What isn't known when it is asked for is noted, and fetched by who can wait.
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
    """A short memory of names.

    Args:
        client: Returns the connection, None while there is none.
        clock: Seconds, from any time on.
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
        """Return the names that are known, and note it if there are none."""
        if kind == "file":
            return list(file_names(about))
        found: Sequence[str] | None = self._remembered(_key(kind, about))
        return found or ()

    def answer(self, question: PropertyQuery) -> JsonValue:
        """Return the answer to a question if it is known, and note it if not."""
        answer: JsonValue = self._remembered(question)
        return answer

    def _remembered(self, key: "_Key") -> Any:
        found = self._known.get(key)
        if found is None or self._clock() - found[0] > limits.SHELL_NAMES_AGE:
            self._missing.add(key)
        return found[1] if found else None

    @property
    def is_complete(self) -> bool:
        """Nothing was asked for in vain."""
        return not self._missing and not self._lock.locked()

    def forget(self) -> None:
        """Forget what is known, as a command may have changed it."""
        self._known = {key: item for key, item in self._known.items() if _is_lasting(key)}

    async def fetch(self) -> bool:
        """Fetch what was asked for in vain; return whether more is known now."""
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
"""A kind of names with what they are about, or a question."""


def _is_lasting(key: _Key) -> bool:
    """Return whether no command changes an answer: what the human monitor takes."""
    return isinstance(key, tuple) and key[0] == "human"


def _key(kind: str, about: str) -> tuple[str, str]:
    """Return what is asked of the server: the folder of a path, whatever was typed of a name."""
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
    if kind == "secret":
        found = await client.execute("qom-list", {"path": "/objects"}, timeout=timeout)
        return [str(e["name"]) for e in found if "secret" in str(e["type"])]
    return await client.names(kind, within=about, timeout=timeout)
