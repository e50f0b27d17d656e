"""Conditions on a member that is an image: a block node, or the text of an older command."""

from collections.abc import Iterator

import msgspec

from qmpeer.policy.argument_tests import EACH, UnfitError, values_at
from qmpeer.policy.images import image_failure
from qmpeer.policy.rules import Facts, MemberPath
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType


class ImageTest(msgspec.Struct, frozen=True):
    """The value is an image whose files all lie under one of some folders.

    Attributes:
        path: The member; () stands for all arguments together, as blockdev-add has them.
        folders: The folders.
        is_optional: True if the member may be missing.
        is_opened: True if the proxy opens the files, and the server gets sets of descriptors.
    """

    path: MemberPath
    folders: tuple[str, ...]
    is_optional: bool = False
    is_opened: bool = False

    @property
    def covers_below(self) -> bool:
        """True: all members of a block node are judged."""
        return True

    @property
    def needs_nodes(self) -> bool:
        """True: a block node may name another one."""
        return True

    def failure(self, arguments: JsonObject, facts: Facts) -> str | None:
        """Return why the condition doesn't hold: "found …, expected …"; None if it does.

        Raises:
            ValueError: If that can't be judged, with the reason.
        """
        try:
            for value, container in _images(arguments, self.path):
                if isinstance(value, UnsetType):
                    if not self.is_optional:
                        return "found none, expected an image"
                elif (failure := self._failure(value, container, facts)) is not None:
                    return failure
        except UnfitError as error:
            return str(error)
        return None

    def _failure(self, value: JsonValue, container: JsonObject, facts: Facts) -> str | None:
        failure: str | None = None
        for folder in self.folders:
            failure = image_failure(value, container, folder, facts)
            if failure is None:
                return None
        return failure


def _images(
    arguments: JsonObject, path: MemberPath
) -> Iterator[tuple[JsonValue | UnsetType, JsonObject]]:
    """Give the values at a path, each with the object that has it."""
    if not path:
        yield arguments, arguments
    elif path[-1] == EACH:
        yield from ((value, {}) for value in values_at(arguments, path))
    else:
        for container in values_at(arguments, path[:-1]):
            if isinstance(container, dict):
                yield container.get(path[-1], UNSET), container
            else:
                yield UNSET, {}
