"""At least 200 cases of one policy, each with its verdict and the rule that decides.

Modules: images, image_tests, paths.
"""

from pathlib import Path

from qmpeer.messages import CommandMessage
from qmpeer.policy import PolicyClient
from qmpeer.policy.loading import load_policy
from qmpeer.policy.paths import ServerFiles
from tests.policy.case_table import policy_of, read_cases
from tests.policy.host import Host

NODES = {"given": ("{vm}/plain.qcow2", "file"), "foreign": ("{out}/foreign", "file")}


class HostFacts:
    """The facts of a host, and of a QEMU with the owner's nodes."""

    def __init__(self, host: Host) -> None:
        self._files = ServerFiles.of_this_machine()
        self.under = self._files.under
        self.head = self._files.head
        self._nodes = {
            name: (file.format(**host.places), driver) for name, (file, driver) in NODES.items()
        }

    def node_file(self, name: str) -> str | None:
        return self._nodes[name][0] if name in self._nodes else None

    def node_driver(self, name: str) -> str | None:
        return self._nodes[name][1] if name in self._nodes else None

    def owns_fd_set(self, number: int) -> bool:
        return False


def test_table(tmp_path: Path) -> None:
    host = Host(tmp_path)
    policy = load_policy(policy_of(host.places, tmp_path))
    facts = HostFacts(host)
    cases = [each for each in read_cases(host.places) if each.is_of_client]
    assert len(cases) >= 200
    wrong: list[str] = []
    for case in cases:
        rights = policy.rights(PolicyClient(listener=case.who))
        verdict = rights.judge(CommandMessage(case.name, case.arguments), facts)
        found = (verdict.decision.value, verdict.rule_name or "-")
        if found != (case.verdict, case.rule):
            wrong.append(f"{case}\n   {found}: {verdict.reason}, expected {case.verdict}")
    assert not wrong, "\n".join(wrong)
