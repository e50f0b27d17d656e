"""The file of a policy: TOML with rules, tables of clients, cases, and settings.

It is read as a whole or not at all, and all its mistakes are told together, each with its place and
with the nearest name. A rule that can never decide is a mistake, too.
"""

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from qmpeer import limits
from qmpeer.effects import CommandEffects, Effect, effects_of
from qmpeer.errors import PolicyError
from qmpeer.policy.audit_settings import AuditSettings, read_audit
from qmpeer.policy.cases import Case, read_case
from qmpeer.policy.known_names import KnownNames
from qmpeer.policy.mistakes import Mistakes
from qmpeer.policy.policies import Policy
from qmpeer.policy.presets import PRESETS, preset_path
from qmpeer.policy.rule_tables import PRESET, RuleReader
from qmpeer.policy.rules import Predicate, Rule, Who
from qmpeer.policy.shadowing import Earlier
from qmpeer.policy.weak_tests import weaknesses
from qmpeer.policy.who_tables import read_who
from qmpeer.toml.items import DocumentKind, Item, read_document

if TYPE_CHECKING:
    from qmpeer.schema import Schema

_KIND: Final = DocumentKind("policies", "pip install '.[policy]'", limits.POLICY_FILE, PolicyError)
_KEYS: Final = ("audit", "dry-run", "who", "effects", "events", "rule", "case")


class PolicyFile(msgspec.Struct, frozen=True):
    """The contents of one file.

    Attributes:
        policy: The policy.
        who: The tables of clients, by name.
        audit: The settings of the audit; None if there are none.
        cases: The cases for ``qmpeer policy test``.
        warnings: What is allowed, but probably not meant; each with its place.
    """

    policy: Policy
    who: Mapping[str, Who]
    audit: AuditSettings | None
    cases: tuple[Case, ...]
    warnings: tuple[str, ...]


def load_policy(path: "str | os.PathLike[str]", *, schema: "Schema | None" = None) -> Policy:
    """Read the policy in a file.

    Args:
        path: The file.
        schema: The server's schema, for arguments and events that are newer than our tables.

    Raises:
        OSError: If the file can't be read.
        PolicyError: If it has mistakes: the first one, with the others in its `others`.
        ModuleNotFoundError: If the extra ``policy`` isn't installed.
    """
    return load_policy_file(path, schema=schema).policy


def load_policy_file(
    path: "str | os.PathLike[str]", *, schema: "Schema | None" = None
) -> PolicyFile:
    """Read all that is in a policy's file; otherwise like `load_policy`."""
    mistakes = Mistakes()
    document = read_document(os.fspath(path), _KIND)
    tables = document.table(_KEYS)
    own: dict[str, CommandEffects] = {}
    with mistakes.collected():
        own = _effects(tables.get("effects"))
    events: Collection[str] = ()
    if "events" in tables:
        with mistakes.collected():
            events = [each.text() for each in tables["events"].array()]
    names = KnownNames(own, events, schema)
    who = _who(tables.get("who"), mistakes)
    rules: list[Rule] = []
    if "rule" in tables:
        rules = _Rules(names, who, own, schema).read(tables["rule"], mistakes)
    audit, cases, is_dry_run = None, list[Case](), False
    with mistakes.collected():
        is_dry_run = "dry-run" in tables and tables["dry-run"].flag()
    with mistakes.collected():
        audit = read_audit(tables["audit"]) if "audit" in tables else None
    for item in _array(tables.get("case"), mistakes):
        with mistakes.collected():
            cases.append(read_case(item, who, {rule.name for rule in rules}, names.events))
    mistakes.raise_all()
    policy = Policy(
        rules,
        own=own,
        is_dry_run=is_dry_run,
        source=os.fspath(path),
        digest=document.document_digest,
    )
    warnings = [
        f"{rule.place}: {text}" for rule in rules for text in weaknesses(rule, policy.effects_of)
    ]
    used = {each.name for rule in rules for each in rule.who or ()} | {case.who for case in cases}
    for name, each in (tables["who"].any_table() if "who" in tables else {}).items():
        if name not in used:
            warnings.append(f"{each.key_place}: who.{name}: no rule is about these clients")
    return PolicyFile(policy, who, audit, tuple(cases), tuple(warnings))


def _array(item: Item | None, mistakes: Mistakes) -> list[Item]:
    """Return the items of an array; none if it is none, which is a mistake."""
    if item is not None:
        with mistakes.collected():
            return item.array()
    return []


def _effects(item: Item | None) -> dict[str, CommandEffects]:
    """Read the table ``effects``: effects of commands that the table doesn't have."""
    own: dict[str, CommandEffects] = {}
    for name, each in (item.any_table() if item is not None else {}).items():
        if effects_of(name) is not None:
            raise each.refused("found a command whose effects are known, expected another")
        kinds = frozenset(Effect(one.text(*Effect)) for one in each.one_or_more())
        own[name] = CommandEffects(name, kinds)
    return own


def _who(item: Item | None, mistakes: Mistakes) -> dict[str, Who]:
    who: dict[str, Who] = {}
    tables: Mapping[str, Item] = {}
    if item is not None:
        with mistakes.collected():
            tables = item.any_table()
    for name, each in tables.items():
        who[name] = Who(name=name)  # so that a mistake in it isn't one of each rule, too
        with mistakes.collected():
            who[name] = read_who(each)
    return who


class _Rules:
    """The rules of one file, and of the presets that it names.

    Args:
        names: The names that rules may have.
        who: The tables of clients.
        own: The effects of the file's own commands.
        schema: The server's schema, or None.
    """

    def __init__(
        self,
        names: KnownNames,
        who: Mapping[str, Who],
        own: Mapping[str, CommandEffects],
        schema: "Schema | None",
    ) -> None:
        self._names = names
        self._who = who
        self._own = own
        self._schema = schema

    def read(self, item: Item, mistakes: Mistakes) -> list[Rule]:
        """Read the array ``rule``."""
        reader = RuleReader(self._names, self._who, self._predicate, self._preset)
        rules: list[Rule] = []
        earlier = Earlier(lambda name: self._own.get(name) or effects_of(name))
        for number, each in enumerate(_array(item, mistakes), 1):
            with mistakes.collected():
                found = reader.read(each, number)
                if len(rules) + len(found) > limits.POLICY_RULES:
                    raise each.refused(f"expected at most {limits.POLICY_RULES} rules")
                if PRESET not in each.any_table():
                    _check_reached(each, found[0], earlier)
                rules += found
                for rule in found:
                    earlier.add(rule)
        return rules

    def _preset(self, item: Item) -> list[Rule]:
        """Return the rules of a preset, which is a file like this one."""
        name = item.text(*PRESETS)
        path = preset_path(name)
        reader = RuleReader(self._names, {}, self._predicate, self._preset)
        rules: list[Rule] = []
        for number, each in enumerate(read_document(path, _KIND).any_table()["rule"].array(), 1):
            found = reader.read(each, number)
            if PRESET not in each.any_table():
                place = found[0].place.removeprefix(os.path.dirname(path) + os.sep)
                named = f"{name}: {found[0].name}"
                found = [msgspec.structs.replace(found[0], name=named, place=place)]
            rules += found
        return rules

    def _predicate(self, item: Item, commands: frozenset[str], is_human: bool) -> Predicate:
        from qmpeer.policy.predicates import read_predicate  # start: 60 ms

        return read_predicate(item, commands, self._schema, is_human=is_human)


def _check_reached(item: Item, rule: Rule, earlier: Earlier) -> None:
    """Refuse a rule that can never decide."""
    shadows = earlier.shadowing(rule)
    if shadows:
        named = " and ".join(f"rule {each.name} ({each.place})" for each in shadows[:3])
        more = f" and {len(shadows) - 3} more" if len(shadows) > 3 else ""
        take = "takes" if len(shadows) == 1 else "take"
        text = f"it can never decide: {named}{more} before it {take} all that it would take"
        raise item.refused(text)
