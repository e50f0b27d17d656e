"""The rules of a script in TOML: their keys, and the steps that these stand for.

The keys of a rule stand for steps in this order: ``before`` (events), ``delay``, ``reply`` or
``error`` or ``raw`` or ``hang``, ``events``, ``goto``, ``close``. ``steps`` lists them in another.
"""

from collections.abc import Callable
from typing import Final

from qmpeer.errors import ScriptError
from qmpeer.script.rules import Rule
from qmpeer.script.script import Script
from qmpeer.toml.items import Item

_ORDER: Final = (
    "before",
    "delay",
    "reply",
    "error",
    "raw",
    "hang",
    "events",
    "goto",
    "close",
)
STEPS: Final = frozenset({*_ORDER, "steps"})
"""The keys that say what a rule does."""
_COMMAND: Final = frozenset({"command", "arguments", "exact", "times"})
_TIMES: Final = 'a number, [LEAST, MOST] or "any"'


def add_rule(script: Script, item: Item) -> None:
    """Add a table of ``on``.

    Raises:
        ScriptError: If it can't be.
    """
    keys = item.table({*_COMMAND, *STEPS, "state"}, required=("command",))
    state = keys["state"].text() if "state" in keys else None
    name, arguments, is_exact = _command(keys)
    rule = _at(
        keys.get("arguments", keys["command"]),
        lambda: script.on(
            name, arguments, state=state, exact=is_exact, place=keys["command"].place
        ),
    )
    _finish(rule, keys)


def add_expectation(script: Script, item: Item) -> None:
    """Add a table of ``expect``.

    Raises:
        ScriptError: If it can't be.
    """
    keys = item.table({*_COMMAND, *STEPS}, required=("command",))
    name, arguments, is_exact = _command(keys)
    rule = _at(
        keys.get("arguments", keys["command"]),
        lambda: script.expect(name, arguments, exact=is_exact, place=keys["command"].place),
    )
    _finish(rule, keys)


def add_otherwise(script: Script, item: Item) -> None:
    """Add the table ``otherwise``.

    Raises:
        ScriptError: If it can't be.
    """
    _add_steps(script.otherwise(place=item.place), item.table(STEPS))


def add_opening(script: Script, item: Item) -> None:
    """Add a table of ``when-ready``.

    Raises:
        ScriptError: If it can't be.
    """
    _add_steps(script.when_ready(place=item.place), item.table(STEPS))


def add_after(script: Script, item: Item) -> None:
    """Add a table of ``after``.

    Raises:
        ScriptError: If it can't be.
    """
    keys = item.table({*STEPS, "seconds", "state"}, required=("seconds",))
    state = keys["state"].text() if "state" in keys else None
    seconds = keys["seconds"].seconds()
    _add_steps(script.after(seconds, state=state, place=item.place), keys)


def _command(keys: dict[str, Item]) -> tuple[str, dict[str, object] | None, bool]:
    arguments = dict(keys["arguments"].json_object()) if "arguments" in keys else None
    is_exact = keys["exact"].flag() if "exact" in keys else False
    return keys["command"].text(), arguments, is_exact  # type: ignore[return-value]  # JSON values


def _finish(rule: Rule, keys: dict[str, Item]) -> None:
    _add_steps(rule, keys)
    if (times := keys.get("times")) is None:
        return
    if isinstance(times.value, list):
        numbers = times.array()
        if len(numbers) != 2:
            raise times.wrong(_TIMES)
        least, most = numbers[0].integer(), numbers[1].integer(least=1)
        _at(times, lambda: rule.times(least, most))
    elif isinstance(times.value, str):
        if times.value != "any":
            raise times.wrong(_TIMES)
        rule.any_times()
    else:
        rule.times(times.integer(least=1))


def _add_steps(rule: Rule, keys: dict[str, Item]) -> None:
    if "steps" in keys:
        for key in _ORDER:
            if key in keys:
                raise keys[key].refused(f"found {key} beside steps, expected one of both")
        for each in keys["steps"].array():
            _add_step(rule, each)
        return
    for key in _ORDER:
        if key in keys:
            _KEYS[key](rule, keys[key])


def _add_step(rule: Rule, item: Item) -> None:
    """Add an item of ``steps``: a table with one key, or an event with its data."""
    keys = item.table({"event", "data", *_ORDER} - {"before", "events"})
    verbs = [key for key in keys if key != "data"]
    if len(verbs) != 1 or ("data" in keys and verbs != ["event"]):
        raise item.refused(f"found {len(verbs)} steps, expected one, such as {{delay = 0.1}}")
    if verbs == ["event"]:
        _event(rule, item)
    else:
        _KEYS[verbs[0]](rule, keys[verbs[0]])


def _event(rule: Rule, item: Item) -> None:
    """Add an event: its name, or a table with ``event`` and ``data``."""
    if isinstance(item.value, str):
        name = item.text()
        _at(item, lambda: rule.event(name))
        return
    keys = item.table({"event", "data"}, required=("event",))
    name = keys["event"].text()
    data = keys["data"].json_object() if "data" in keys else None
    _at(keys.get("data", keys["event"]), lambda: rule.event(name, data))


def _events(rule: Rule, item: Item) -> None:
    for each in item.array():
        _event(rule, each)


def _reply(rule: Rule, item: Item) -> None:
    value = item.json()
    _at(item, lambda: rule.reply(value))


def _error(rule: Rule, item: Item) -> None:
    keys = item.any_table()
    for key in ("class", "desc"):
        if key not in keys:
            raise item.refused(f"found no {key}, expected class and desc")
    more = {key: each.json() for key, each in keys.items() if key not in ("class", "desc")}
    error_class, desc = keys["class"].text(), keys["desc"].text()
    _at(item, lambda: rule.error(error_class, desc, **more))


def _raw(rule: Rule, item: Item) -> None:
    data = item.text().encode()
    _at(item, lambda: rule.raw(data))


def _delay(rule: Rule, item: Item) -> None:
    rule.delay(item.seconds())


def _hang(rule: Rule, item: Item) -> None:
    if item.flag():
        _at(item, rule.hang)


def _close(rule: Rule, item: Item) -> None:
    if item.flag():
        _at(item, rule.close)


def _goto(rule: Rule, item: Item) -> None:
    rule.goto(item.text())


_KEYS: Final[dict[str, Callable[[Rule, Item], None]]] = {
    "before": _events,
    "delay": _delay,
    "reply": _reply,
    "error": _error,
    "raw": _raw,
    "hang": _hang,
    "events": _events,
    "goto": _goto,
    "close": _close,
}


def _at(item: Item, add: Callable[[], Rule]) -> Rule:
    """Call a function, and let its error point to an item."""
    try:
        return add()
    except ScriptError as error:
        raise ScriptError(error.reason, str(item.place)) from None
