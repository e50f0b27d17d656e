"""``qmpeer policy``: policies explained, tried on cases, and the presets."""

import argparse
from typing import Final

from qmpeer.cli.command_line import VerbGroup, argument
from qmpeer.cli.exits import DONE, REFUSED, UsageError, about_file, complain
from qmpeer.cli.output import standard_output, write_text
from qmpeer.cli.policy_text import case_text, client_lines, command_lines
from qmpeer.cli.policy_words import command_in, read_client, read_command
from qmpeer.errors import QMPError
from qmpeer.policy.cases import Case, SupposedFacts
from qmpeer.policy.loading import PolicyFile, load_policy_file
from qmpeer.policy.policies import Policy
from qmpeer.policy.presets import PRESETS, named_policy, preset_text
from qmpeer.policy.rules import Decision
from qmpeer.schema import Schema

PROGRAM: Final = "qmpeer policy"
_FILE: Final = argument("file", "FILE|PRESET", "the policy, in TOML; or the name of a preset")
_SCHEMA: Final = argument(
    "--schema",
    "SOURCE",
    "the server's schema: a QAPI file, a saved answer, the address of a monitor, or installed. It "
    "decides the types of arguments, and knows what is newer than our tables",
)
_EXPLAIN: Final = """\
WHO is the name of a table [who.NAME], or who a client would be:
  listener=NAME,uid=USER,gid=GROUP,certificate=NAME   each may be left out; the certificate is last

The COMMAND is written as for qmpeer exec, or as JSON with execute and arguments. Without one, what
the client may do is listed. No server is asked: paths are taken as they are written, as if there
were no links.

example:
  $ qmpeer policy explain vm.toml --as backup 'blockdev-del node-name=n0'
  deny blockdev-del: the client gets GenericError: The policy denies blockdev-del: rule keep
  effects: changes-host
  rule keep (vm.toml:4:3): takes it: deny

exit status:
  0  the verdict was explained, whatever it is
  1  the policy has mistakes; each is on standard error, with its place
  2  the command line is wrong, or a file can't be read
  3  the extra policy isn't installed, or the source of the schema can't be reached
"""
_TEST: Final = """\
A case is a table in FILE:
  [[case]]
  as = "backup"                # the name of a table [who.NAME], or { listener = …, uid = … }
  command = "query-status"     # as for qmpeer exec; or event = "STOP"
  verdict = "allow"            # or "deny" or "hide"
  rule = "looks"               # if this rule must decide
  nodes = { drive0 = "/a" }    # if a rule asks for files of nodes
  fd-sets = [1]                # the client's own sets of descriptors

example:
  $ qmpeer policy test vm.toml
  vm.toml:20:3: backup: stop: found deny, expected allow: no rule allows it
  3 cases: 2 passed, 1 failed

exit status:
  0  all cases passed
  1  one has failed, or the policy has mistakes; each is shown with its place
  2  the command line is wrong, or a file can't be read
  3  the extra policy isn't installed, or the source of the schema can't be reached
"""
_PRESETS: Final = """\
A preset is used by name, or copied and changed:
  [[rule]]
  who = "backup"
  preset = "backup"

example:
  $ qmpeer policy presets
  read-only
  monitoring
  backup
  operator

exit status:
  0  success
  2  the command line is wrong
  3  the output can't be written
"""
COMMAND: Final = VerbGroup(PROGRAM, "Explain and test who may do what (qmpeer proxy --policy).")


@COMMAND.verb(
    "explain",
    "Show what a policy decides about a command, and why.",
    _EXPLAIN,
    _FILE,
    argument("words", "COMMAND", "the command, and its arguments", nargs="*", default=[]),
    argument("--as", "WHO", "the client (see below)", dest="who", required=True),
    argument(
        "--node", "NAME=FILE", "suppose that this is the file of a block node or device; may be "
        "repeated", action="append", default=[],
    ),
    argument(
        "--fd-set", "N", "suppose that the client has passed this set of descriptors; may be "
        "repeated", action="append", default=[], type=int, dest="fd_sets",
    ),
    _SCHEMA,
)  # fmt: skip
def _explain(namespace: argparse.Namespace) -> int:
    schema = _schema(namespace)
    found = _load(f"{PROGRAM} explain", namespace.file, schema)
    client = read_client(namespace.who, found.who)
    if not namespace.words:
        standard_output().write(client_lines(found.policy, client))
        return DONE
    command = read_command(namespace.words, schema)
    facts = SupposedFacts(dict(map(_node, namespace.node)), frozenset(namespace.fd_sets))
    standard_output().write(command_lines(found.policy, client, command, facts))
    return DONE


def _node(word: str) -> tuple[str, str]:
    name, equals, file = word.partition("=")
    if not (name and equals):
        raise UsageError(f"found --node {word!r}, expected NAME=FILE")
    return name, file


@COMMAND.verb(
    "test",
    "Try the cases in a policy, and show those that fail.",
    _TEST,
    _FILE,
    _SCHEMA,
)
def _test(namespace: argparse.Namespace) -> int:
    schema = _schema(namespace)
    found = _load(f"{PROGRAM} test", namespace.file, schema)
    output, failed = standard_output(), 0
    for case in found.cases:
        failure = _failure(found.policy, case, schema)
        if failure is not None:
            failed += 1
            output.write([f"{case.place}: {failure}"])
    passed = len(found.cases) - failed
    count = "1 case" if len(found.cases) == 1 else f"{len(found.cases)} cases"
    output.write([f"{count}: {passed} passed, {failed} failed"])
    return REFUSED if failed else DONE


def _failure(policy: Policy, case: Case, schema: Schema | None) -> str | None:
    """Try a case; return how it fails, or None."""
    rights = policy.rights(case.client)
    if case.event is not None:
        is_allowed = case.event in rights.events
        if is_allowed == (case.decision is Decision.ALLOW):
            return None
        found = "allow" if is_allowed else "deny"
        return f"{case.who}: {case.event}: found {found}, expected {case.decision.value}"
    assert case.command is not None, "a case has one of both"
    try:
        if isinstance(case.command, str):
            command = read_command([case.command], schema)
        else:
            command = command_in(case.command)
    except UsageError as error:
        return f"{case.who}: {error}"
    verdict = rights.judge(command, case.facts)
    found = verdict.decision.value
    expected = case.decision.value
    if verdict.decision is case.decision and case.rule in (None, verdict.rule_name):
        return None
    if case.rule is not None:
        found = f"{found} by {_by(verdict.rule_name)}"
        expected = f"{expected} by rule {case.rule}"
    because = f": {verdict.reason}" if verdict.reason else ""
    return f"{case.who}: {case_text(command)}: found {found}, expected {expected}{because}"


def _by(rule: str | None) -> str:
    return "no rule" if rule is None else f"rule {rule}"


@COMMAND.verb(
    "presets",
    "List the presets, or show one of them.",
    _PRESETS,
    argument("name", "NAME", "the preset to show", nargs="?", choices=PRESETS),
)
def _presets(namespace: argparse.Namespace) -> int:
    write_text("".join(f"{name}\n" for name in PRESETS) if namespace.name is None else
               preset_text(namespace.name))  # fmt: skip
    return DONE


def _load(program: str, file: str, schema: Schema | None) -> PolicyFile:
    with about_file(file):
        found = load_policy_file(named_policy(file), schema=schema)
    for warning in found.warnings:
        complain(program, f"warning: {warning}")
    return found


def _schema(namespace: argparse.Namespace) -> Schema | None:
    if namespace.schema is None:
        return None
    from qmpeer.sources import load_schema  # start: 60 ms

    try:
        return load_schema(namespace.schema)
    except (QMPError, ValueError) as error:
        raise UsageError(f"--schema {namespace.schema}: {error}") from error
