"""The conditions on arguments in a policy's file: ``arguments.NAME = …``.

A plain value means equal, an array one of its values, and a table has the words of `_WORDS`. A name
in quotes may have dots, for a member inside of members.
"""

import os
from typing import Final

from qmpeer.messages import near_names
from qmpeer.messages.globs import Glob
from qmpeer.policy.argument_tests import (
    Check,
    Equal,
    InRange,
    Like,
    MemberTest,
    OwnFdSet,
    Presence,
    Under,
)
from qmpeer.policy.image_tests import ImageTest
from qmpeer.policy.rules import ArgumentTest, MemberPath
from qmpeer.toml.items import Item

_WORDS: Final = (
    *("present", "absent", "optional"),
    *("equals", "one-of", "at-least", "at-most", "glob", "under", "image", "open", "fd-set"),
)
_FLAGS: Final = ("present", "absent", "optional", "open", "fd-set")


def read_conditions(item: Item) -> dict[Item, ArgumentTest]:
    """Read the table ``arguments``: the conditions by where they stand.

    Raises:
        PolicyError: If it is wrong.
    """
    return {each: _condition(each) for each in item.any_table().values()}


def read_path(item: Item, text: str, example: str = '"file.filename"') -> MemberPath:
    """Read the path of a member: names joined by dots.

    Raises:
        PolicyError: If it is none.
    """
    path = tuple(text.split(".")) if text else ()
    if not all(path):
        raise item.refused(f'found "{text}", expected names joined by dots, such as {example}')
    return path


def _condition(item: Item) -> ArgumentTest:
    path = read_path(item, item.key)
    if isinstance(item.value, dict):
        return _from_words(item, path)
    if isinstance(item.value, list):
        return MemberTest(path, (Equal(tuple(each.json() for each in item.one_or_more())),))
    return MemberTest(path, (Equal((item.json(),)),))


def _from_words(item: Item, path: MemberPath) -> ArgumentTest:
    for key in item.any_table():
        if key not in _WORDS and not near_names(key, _WORDS, 1):
            deep = f"{item.key}.{key}"
            expected = f'one of {", ".join(_WORDS)}; for a member inside, write "{deep}" in quotes'
            raise item.refused(f"found the key '{key}', expected {expected}")
    words = item.table(_WORDS)
    for key in _FLAGS:
        if key in words and not words[key].flag():
            raise words[key].refused("found false, expected true, or the key left out")
    if "absent" in words and len(words) > 1:
        raise item.refused("found absent beside other conditions, expected it alone")
    if "open" in words and not {"under", "image"} & words.keys():
        raise words["open"].refused("found open without under or image, expected one of them")
    if "image" in words:
        return _image_test(words, path)
    checks = _checks(words)
    if not checks and not {"present", "absent"} & words.keys():
        raise item.refused("found no condition, expected one, such as present = true")
    if "present" in words and "optional" in words:
        raise item.refused("found present and optional, expected one of both")
    if "absent" in words:
        return MemberTest(path, presence=Presence.ABSENT)
    return MemberTest(path, checks, Presence.OPTIONAL if "optional" in words else Presence.NEEDED)


def _image_test(words: dict[str, Item], path: MemberPath) -> ImageTest:
    for other in words.keys() - {"image", "open", "optional"}:
        raise words[other].refused(f"found {other} beside image, expected image alone")
    folders = tuple(_folder(each) for each in words["image"].one_or_more())
    return ImageTest(path, folders, "optional" in words, "open" in words)


def _checks(words: dict[str, Item]) -> tuple[Check, ...]:
    checks: list[Check] = []
    if "equals" in words:
        checks.append(Equal((words["equals"].json(),)))
    if "one-of" in words:
        if not words["one-of"].array():
            raise words["one-of"].refused("found none, expected at least one")
        checks.append(Equal(tuple(each.json() for each in words["one-of"].array())))
    if "at-least" in words or "at-most" in words:
        least, most = _number(words.get("at-least")), _number(words.get("at-most"))
        if least is None:  # memsave's val of -4096 is 2**64-4096 to QEMU
            reason = "a negative number would fit, and QEMU may read it as a huge one"
            raise words["at-most"].refused(
                f"found at-most without at-least: {reason}; expected at-least, too, such as 0"
            )
        if most is not None and least > most:
            raise words["at-most"].refused(f"found {most}, expected {least} or more")
        checks.append(InRange(least, most))
    if "glob" in words:
        checks.append(Like(tuple(Glob(each.text()) for each in words["glob"].one_or_more())))
    if "under" in words:
        folders = tuple(_folder(each) for each in words["under"].one_or_more())
        checks.append(Under(folders, "open" in words))
    if "fd-set" in words:
        checks.append(OwnFdSet())
    return tuple(checks)


def _number(item: Item | None) -> float | None:
    if item is None:
        return None
    if type(item.value) not in (int, float) or item.value != item.value:
        raise item.wrong("a number")
    number: float = item.value
    return number


def _folder(item: Item) -> str:
    folder = item.text()
    if not os.path.isabs(folder):
        raise item.refused(f'found "{folder}", expected an absolute path')
    return folder
