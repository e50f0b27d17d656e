"""The tables of faults on the page, made from the vocabulary; run it to print them."""

from qmpeer.faults.vocabulary import KINDS, WHERE_KEYS, Form, Key, Kind, Where

PLACES = (
    (Where.MESSAGE, "messages"),
    (Where.MOMENT, "moments"),
    (Where.BYTE, "bytes"),
)


def kinds_table() -> str:
    """Return the table of what can happen."""
    rows = [" | ".join(_cells(kind)).join(("| ", " |")) for kind in KINDS.values()]
    head = "| fault | what happens | its keys (default) | without a place: | other places |"
    return "\n".join((head, "|---|---|---|---|---|", *rows))


def keys_table() -> str:
    """Return the table of the keys that say where."""
    rows = [f"| `{key.name}=` | {_value(key)} |" for key in WHERE_KEYS.values()]
    return "\n".join(("| key | value |", "|---|---|", *rows))


def _cells(kind: Kind) -> tuple[str, ...]:
    word = f"`{kind.word}{' NAME' if kind.name else ''}`"
    return word, kind.doc, _keys(kind), kind.default.value, _where(kind)


def _keys(kind: Kind) -> str:
    keys = [f"`{key.name}=` {_value(key)}" for key in kind.keys if key.name != kind.name]
    return "; ".join(keys)


def _value(key: Key) -> str:
    words = [key.doc]
    if key.form is Form.CHOICE:
        words.append(f": {', '.join(key.choices)}")
    if key.default:
        words.append(f" ({key.default})")
    return "".join(words)


def _where(kind: Kind) -> str:
    """Return the places that a fault of a kind can name."""
    found = [name for flag, name in PLACES if flag in kind.where]
    if not found and Where.COMMAND in kind.where:
        found = ["commands, replies"]
    elif not found and Where.REPLY in kind.where:
        found = ["replies"]
    elif Where.MESSAGE in kind.where and Where.SENDER not in kind.where:
        found = ["messages", "moments"]
    return ", ".join(found)


if __name__ == "__main__":
    print(kinds_table(), keys_table(), sep="\n\n")
