"""The table of cases: who gives which command, which rule decides, and how it shows on a QEMU."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from qmpeer.values import JsonObject

OWNER = ("+", "-")
POLICY = Path(__file__).with_name("sensible.toml")
TABLE = Path(__file__).with_name("cases.txt")


class Case(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        line: Its number.
        who: The client; "+" for the owner of the machine, who prepares something, and "-" if he
            undoes the line before.
        rule: The name of the rule that decides; "-" for none.
        verdict: "allow", "deny" or "hide".
        proof: How it shows on a QEMU without a policy; "-" if it isn't tried.
        name: The command.
        arguments: Its arguments.
    """

    line: int
    who: str
    rule: str
    verdict: str
    proof: str
    name: str
    arguments: JsonObject

    @property
    def is_of_client(self) -> bool:
        """True unless the owner of the machine gives the command."""
        return self.who not in OWNER

    def __str__(self) -> str:
        return f"line {self.line}: {self.who} {self.name} {json.dumps(self.arguments)}"


def policy_of(places: Mapping[str, str], folder: Path) -> Path:
    """Return a file with the policy of the table, for these places."""
    text = POLICY.read_text()
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", place)
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def read_cases(places: Mapping[str, str]) -> Sequence[Case]:
    """Return all lines of the table, with the places that stand in it between braces."""
    cases: list[Case] = []
    for number, text in enumerate(TABLE.read_text().splitlines(), 1):
        for name, place in {**places, "n": str(number)}.items():
            text = text.replace(f"{{{name}}}", place)
        if text.startswith(OWNER):
            cases.append(_case(number, text[0], "-", "allow", "-", text[1:].strip()))
        elif text and not text.startswith("#"):
            who, rule, verdict, proof, command = text.split(None, 4)
            cases.append(_case(number, who, rule, verdict, proof, command))
    return cases


def _case(line: int, who: str, rule: str, verdict: str, proof: str, command: str) -> Case:
    name, _, arguments = command.partition(" ")
    name = json.loads(f'"{name}"')
    return Case(line, who, rule, verdict, proof, name, json.loads(arguments or "{}"))
