"""The moments of a script's rules: a reply or an event that passes on any of the QMP connections.

The engine of faults sees all messages. So each rule with such a moment is a fault ``exit`` at that
place, and its text is the number of the rule.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from qmpeer.fake_qemu.process_script import Rule
from qmpeer.faults import Fault, Faults, Injector, ProcessFaults
from qmpeer.faults.fault import make_fault
from qmpeer.transport.aio import HandlerFactory

_MARK: Final = "rule "


def watch(
    rules: Sequence[Rule], faults: Sequence[str], follow: Callable[[Rule], None]
) -> tuple[Callable[[HandlerFactory], HandlerFactory], float]:
    """Watch the moments of rules, and let faults happen.

    Args:
        rules: The rules.
        faults: The faults, as texts.
        follow: Called with a rule when its moment has come.

    Returns:
        The wrapper of the handlers of QMP's streams, and the seconds by which the program begins to
        listen later.

    Raises:
        FaultError: If a fault can't be.
    """
    plan = Faults(faults)
    for number, rule in enumerate(rules):
        if rule.command or rule.event:
            plan.add(_moment(rule, f"{_MARK}{number}"))
    happen = ProcessFaults()

    def take(fault: Fault) -> None:
        text = fault.text("text")
        if text.startswith(_MARK):
            follow(rules[int(text.removeprefix(_MARK))])
        else:
            happen(fault)

    return Injector(plan, process=take).wrap, plan.late


def _moment(rule: Rule, text: str) -> Fault:
    place: dict[str, Any] = {"event": rule.event} if rule.event else {"after-reply": rule.command}
    for key, value in (("arguments", rule.arguments), ("data", rule.data)):
        if value:
            place[key] = dict(value)
    return make_fault("exit", {**place, "text": text})
