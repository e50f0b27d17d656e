"""Plans of faults made by chance, each from a seed; its text repeats it."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from qmpeer.faults.fault import Setting, make_fault
from qmpeer.faults.plan import Faults
from qmpeer.faults.vocabulary import KINDS, Default, Where

_Settings = dict[str, Setting]
COMMANDS: Final = ("qmp_capabilities", "query-status", "query-version", "stop", "cont")
EVENTS: Final = ("STOP", "RESUME")
_EXCLUDED: Final = frozenset(("late", "sigstop", "sigkill", "exit"))
_MOST_FAULTS: Final = 4


def random_faults(
    seed: int,
    *,
    commands: Sequence[str] = COMMANDS,
    events: Sequence[str] = EVENTS,
    seconds: float = 0.02,
    without: Sequence[str] = (),
) -> Faults:
    """Return a plan of one to four faults of any kind, except those of the server's process.

    Args:
        seed: The same seed gives the same plan.
        commands: The names of commands to choose from.
        events: The names of events to choose from.
        seconds: The longest time of a fault that ends by itself. Some stall for ever.
        without: Words of faults that it shall not have.

    Example:
        >>> random_faults(7) == random_faults(7), str(random_faults(7)) == str(random_faults(7))
        (False, True)
    """
    random = Random(f"plan {seed}")
    words = sorted(KINDS.keys() - _EXCLUDED - set(without))
    return Faults(
        make_fault(word, _settings(random, word, commands, events, seconds))
        for word in random.choices(words, k=random.randint(1, _MOST_FAULTS))
    )


def _settings(
    random: Random, word: str, commands: Sequence[str], events: Sequence[str], seconds: float
) -> _Settings:
    own: dict[str, Callable[[], _Settings]] = {
        "delay": lambda: _times(random, seconds, "seconds", "jitter"),
        "drip": lambda: {"speed": random.randint(2_000, 50_000)},
        "slices": lambda: {"size": random.randint(1, 64), "pause": 0.0},
        "coalesce": lambda: _times(random, seconds, "seconds"),
        "reorder": lambda: _times(random, seconds, "seconds"),
        "stall": lambda: _times(random, seconds, "seconds") if random.random() < 0.8 else {},
        "cut": lambda: {"how": random.choice(("close", "reset", "half-close"))},
        "duplicate": lambda: {"copies": random.randint(1, 20)},
        "garbage": lambda: {"size": random.randint(1, 2_000)},
        "flood": lambda: {"size": random.randint(1, 200_000)},
        "enlarge": lambda: {"size": random.randint(1, 200_000)},
        "inject": lambda: {"name": random.choice(events), "count": random.randint(1, 300)},
        "refuse": lambda: {"permille": 500},
    }
    made = own.get(word, dict)()
    return made if word == "refuse" else made | _place(random, word, commands, events, seconds)


def _times(random: Random, seconds: float, *keys: str) -> _Settings:
    return {key: round(random.uniform(0, seconds), 4) for key in keys}


def _place(
    random: Random, word: str, commands: Sequence[str], events: Sequence[str], seconds: float
) -> _Settings:
    kind = KINDS[word]
    number, name = random.randint(1, 12), random.choice(commands)
    whose: _Settings = {}
    if Where.SENDER in kind.where:
        whose["sender"] = random.choice(("client", "server"))
    places: list[tuple[Where, _Settings]] = [
        (Where.ANY, {"message": number, **whose}),
        (Where.COMMAND, {"command": name}),
        (Where.REPLY, {"reply": name}),
        (Where.EVENT, {"event": random.choice(events)}),
        (Where.MOMENT, {"after": random.choice((name, *events))}),
        (Where.MOMENT, {"after-reply": name}),
        (Where.MOMENT, {"time": round(random.uniform(0, seconds), 4)}),
    ]
    choices = [place for flag, place in places if flag in kind.where]
    if kind.default is not Default.BEGINNING:
        choices.append({"permille": random.randint(1, 1000), **whose})
    place = random.choice(choices)
    if Where.BYTE in kind.where and random.random() < 0.4:
        place["byte"] = random.randint(0, 60)
    is_once = "message" in place or "time" in place
    if not is_once and random.random() < 0.5:
        place[random.choice(("nth", "times"))] = random.randint(1, 3)
    return place
