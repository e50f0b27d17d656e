"""Rules that are allowed, but probably don't do what is meant."""

from collections.abc import Callable, Iterator
from typing import Final

from qmpeer.effects import CommandEffects
from qmpeer.effects.sensitive import is_sensitive
from qmpeer.policy.argument_tests import Equal, Like, MemberTest, Presence, Under
from qmpeer.policy.image_headers import PLAIN_FORMATS
from qmpeer.policy.rules import Decision, MemberPath, Rule, Subject

_NAMES: Final = 20
"""Commands of one rule that are looked at: a rule about more of them is a general one."""

_NODES: Final = {"blockdev-add": '""', "blockdev-reopen": '"options.*"'}
"""Commands with block nodes, and how a file names these."""
_IMAGES: Final = (
    ("drive-mirror", "target"),
    ("drive-backup", "target"),
    ("blockdev-snapshot-sync", "snapshot-file"),
    ("blockdev-change-medium", "filename"),
    ("change", "target"),
)
"""Members of older commands that are images."""


def weaknesses(rule: Rule, effects_of: Callable[[str], CommandEffects | None]) -> Iterator[str]:
    """Give what is probably not meant in an allow rule."""
    if rule.decision is not Decision.ALLOW or rule.subject is not Subject.COMMAND:
        return
    for name in sorted(rule.names) if len(rule.names) <= _NAMES else ():
        effects = effects_of(name)
        if effects is None:
            continue
        for test in rule.tests:
            why = _weakness(test) if isinstance(test, MemberTest) else None
            if why is not None and is_sensitive(effects, test.path):
                yield (
                    f"rule {rule.name}: {'.'.join(test.path)} of {name} opens a path, connects or "
                    f"runs something, and {why}; expected a condition such as under"
                )
        yield from _further_files(rule, name)
        if not rule.is_unchecked:
            yield from _untested(rule, effects)
    if rule.predicate is not None:
        yield from _text_tests(rule, effects_of)


def _text_tests(rule: Rule, effects_of: Callable[[str], CommandEffects | None]) -> Iterator[str]:
    """Give the tests of paths as mere texts in an expression."""
    from qmpeer.policy.cel_predicate import CelPredicate  # start: 60 ms
    from qmpeer.policy.predicates import text_test_warnings  # start: 60 ms

    if not isinstance(rule.predicate, CelPredicate):
        return
    known = filter(None, map(effects_of, sorted(rule.names)))
    found = (text for each in known for text in text_test_warnings(rule.predicate, each))
    yield from (f"rule {rule.name}: {text}" for text in dict.fromkeys(found))


def _weakness(test: MemberTest) -> str | None:
    """Return why a condition says little about a sensitive member."""
    if test.presence is not Presence.ABSENT and not test.checks:
        return "present takes any value"
    if test.checks and all(isinstance(check, Like) for check in test.checks):
        return 'glob is a test of the text: "/srv/*" takes /srv/../etc'
    return None


def _further_files(rule: Rule, name: str) -> Iterator[str]:
    """Give the paths of images that are tested as paths only: an image may name further files."""
    for test in rule.tests:
        if (
            isinstance(test, MemberTest)
            and any(isinstance(check, Under) for check in test.checks)
            and (name in _NODES or (name, *test.path) in _IMAGES)
            and not _is_plain(rule, name, test.path)
        ):
            where = ".".join(test.path)
            whole = _NODES.get(name, where)
            yield (
                f"rule {rule.name}: {where} of {name} is the path of an image, which may name a "
                f"backing file or a data file elsewhere; expected arguments.{whole} with image"
            )


def _is_plain(rule: Rule, name: str, path: MemberPath) -> bool:
    """Return True if a rule demands a driver that reads no names in images, of each node."""
    if name not in _NODES:
        return False
    plain = PLAIN_FORMATS | {"file", "host_device"}
    drivers = {
        test.path[:-1]
        for test in rule.tests
        if isinstance(test, MemberTest)
        and test.presence is Presence.NEEDED
        and test.path[-1:] == ("driver",)
        and any(
            isinstance(check, Equal)
            and all(isinstance(each, str) and each in plain for each in check.values)
            for check in test.checks
        )
    }
    outermost = 0 if name == "blockdev-add" else 2  # behind options.*
    return all(path[:end] in drivers for end in range(outermost, len(path)))


def _untested(rule: Rule, effects: CommandEffects) -> Iterator[str]:
    """Give the members without which a command does nothing, if the rule doesn't test them."""
    ruled_on = [path for path, _ in rule.ruled_on]
    tested = effects.sensitive if () in ruled_on else {path[0] for path in ruled_on}
    for name in effects.sensitive:
        if set(name) & set("*!.") or name in tested:
            continue
        yield (
            f"rule {rule.name}: it doesn't test {name} of {effects.name}, and so takes only "
            f"commands without it; expected arguments.{name}, or unchecked = true"
        )
