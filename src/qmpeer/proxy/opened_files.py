"""Files that the proxy opens for a client's command; the server gets them as sets of descriptors.

So what was judged is what the server has: nobody can put another file in its place meanwhile. An
image's header is judged once more, in the file that was opened.

A set belongs to a keeper until the command is answered. From then on it is left behind, and so it
is removed once no block node uses it.
"""

import os
from collections.abc import Callable
from typing import Final

import msgspec

from qmpeer.errors import CommandError
from qmpeer.policy import Decision, Facts, Rule, Verdict
from qmpeer.policy.openings import with_files
from qmpeer.policy.paths import ServerFiles
from qmpeer.proxy.own_requests import Keeper, OwnRequests
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject

_READ: Final = (os.O_RDONLY,)
_WRITTEN: Final = (os.O_RDWR, os.O_RDONLY, os.O_WRONLY)
"""QEMU takes the descriptor of a set whose access mode is the one that it wants."""


class OpenedFiles:
    """The files that are opened for one command.

    Args:
        own: Passes them to the server.
        sweep: Called when sets have been left behind.
    """

    __slots__ = ("_fds", "_keeper", "_own", "_sweep")

    def __init__(self, own: OwnRequests, sweep: Callable[[], None]) -> None:
        self._own = own
        self._sweep = sweep
        self._keeper = Keeper(own)
        self._fds: dict[tuple[str, bool], list[int]] = {}

    async def pass_on(
        self, rule: Rule, arguments: JsonObject, files: ServerFiles, facts: Facts
    ) -> JsonObject:
        """Open the files of a command, pass them to the server, and return its new arguments.

        Args:
            rule: The rule that has taken the command.
            arguments: Its arguments.
            files: The files as the server sees them.
            facts: The facts by which the rule took it.

        Raises:
            ValueError: If a file can't be opened, isn't what it was a moment ago, or isn't taken
                by the server. The sets have been left behind then.
        """
        try:
            self._open(rule, arguments, files)
            self._judge_again(rule, arguments, facts)
            names: dict[tuple[str, bool], str] = {}
            for key, fds in self._fds.items():
                names[key] = await self._pass(fds)
        except (ValueError, CommandError) as error:
            self.release()
            raise ValueError(str(error)) from error
        finally:
            for fds in self._fds.values():
                close_all(fds)
        return with_files(rule, arguments, lambda path, _, is_read: names[path, is_read])

    def _open(self, rule: Rule, arguments: JsonObject, files: ServerFiles) -> None:
        def change(path: str, folders: tuple[str, ...], is_read: bool) -> str:
            if (path, is_read) not in self._fds:
                modes = _READ if is_read else _WRITTEN
                fds = files.open_under(path, folders, modes, may_create=not is_read)
                self._fds[path, is_read] = fds
            return path

        with_files(rule, arguments, change)

    def _judge_again(self, rule: Rule, arguments: JsonObject, facts: Facts) -> None:
        opened = {path: fds[0] for (path, _), fds in self._fds.items()}
        for test in rule.tests:
            if test.opens and (failure := test.failure(arguments, _OpenedFacts(facts, opened))):
                raise ValueError(failure)

    async def _pass(self, fds: list[int]) -> str:
        arguments: JsonObject = {}
        for fd in fds:
            added = await self._own.execute(
                "add-fd", arguments, fds=(os.dup(fd),), requester=self._keeper
            )
            if not isinstance(added, dict) or not isinstance(added.get("fdset-id"), int):
                raise ValueError("the server has answered add-fd with no number")
            arguments = {"fdset-id": added["fdset-id"]}
        return f"/dev/fdset/{arguments['fdset-id']}"

    def release(self) -> None:
        """Leave the sets behind: the command is answered, or won't be sent."""
        if not self._keeper.has_left:
            self._keeper.has_left = True
            self._sweep()


class _OpenedFacts:
    """Facts in which the files are those that are open."""

    __slots__ = ("_opened", "node_driver", "node_file", "owns_fd_set", "under")

    def __init__(self, facts: Facts, opened: dict[str, int]) -> None:
        self._opened = opened
        self.under = facts.under
        self.node_file = facts.node_file
        self.node_driver = facts.node_driver
        self.owns_fd_set = facts.owns_fd_set

    def head(self, path: str, size: int) -> bytes | None:
        """Return the first bytes of a file that is open."""
        fd = self._opened.get(path)
        if fd is None:
            raise ValueError("found a file that isn't opened, expected one of these")
        return os.pread(fd, size, 0)


def denied(verdict: Verdict, reason: str) -> Verdict:
    """Return the verdict about an allowed command whose files can't be passed on."""
    return msgspec.structs.replace(verdict, decision=Decision.DENY, reason=reason)
