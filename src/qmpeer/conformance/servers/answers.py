"""A server's messages, reduced to what a case compares: the kind of each message, and its id."""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType

from qmpeer.values import JsonObject, JsonValue

ERROR: Final = "error"
"""As an expected kind: an error of any class."""


class Answer(NamedTuple):
    """A message of a server, or the one that a case expects.

    Attributes:
        kind: "return", the class of an error, "event", "greeting", or "no message" for anything
            else. "error" stands for an error without a class, or expects one of any class; "reply"
            expects a return or any error.
        id: Its id; UNSET if it has none.
    """

    kind: str
    id: JsonValue | UnsetType = UNSET

    def __str__(self) -> str:
        if self.kind in ("event", "greeting", "no message"):
            return self.kind
        shown = "without an id" if self.id is UNSET else f"with the id {json.dumps(self.id)}"
        return f"{self.kind} {shown}"

    def fits(self, found: "Answer", *, minds_ids: bool = True) -> bool:
        """Return True if a message that was found is the one that this expects.

        Args:
            found: The message.
            minds_ids: False to compare the kinds only.
        """
        is_error = found.kind not in ("return", "event", "greeting", "no message")
        is_reply = is_error or found.kind == "return"
        fits = (self.kind == ERROR and is_error) or (self.kind == "reply" and is_reply)
        if self.kind != found.kind and not fits:
            return False
        return not minds_ids or same(self.id, found.id)


def returns(id: JsonValue | UnsetType = UNSET) -> Answer:
    """Return the expectation of a success."""
    return Answer("return", id)


def refuses(id: JsonValue | UnsetType = UNSET, error_class: str = ERROR) -> Answer:
    """Return the expectation of an error, by default of any class."""
    return Answer(error_class, id)


def replies(id: JsonValue | UnsetType = UNSET) -> Answer:
    """Return the expectation of a success or an error."""
    return Answer("reply", id)


def same(one: JsonValue | UnsetType, other: JsonValue | UnsetType) -> bool:
    """Compare two values as JSON: true isn't 1, and an integer isn't a double.

    Example:
        >>> same(True, 1), same({"a": 1, "b": 2}, {"b": 2, "a": 1}), same(UNSET, None)
        (False, True, False)
    """
    if one is UNSET or other is UNSET:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def answer_of(message: Any) -> Answer:
    """Return what a case compares of a message; an error of the reader is "no message"."""
    if not isinstance(message, dict):
        return Answer("no message")
    id = message.get("id", UNSET)
    if "return" in message:
        return Answer("return", id)
    if "error" in message:
        name = error_of(message).get("class")
        return Answer(name if isinstance(name, str) else ERROR, id)
    if "event" in message:
        return Answer("event")
    return Answer("greeting" if "QMP" in message else "no message")


def is_event(message: object) -> bool:
    """Return True for an event, which may stand between any two replies."""
    return answer_of(message).kind == "event"


def listed(answers: Sequence[Answer]) -> str:
    """Return a text about some messages in their order.

    Example:
        >>> listed([returns(1), returns(2), refuses()])
        'return with the id 1, return with the id 2, error without an id'
    """
    texts: list[str] = []
    for answer in answers[:6]:
        texts.append(str(answer))
    if len(answers) > 6:
        texts.append(f"and {len(answers) - 6} more")
    return ", ".join(texts) or "no reply"


def error_of(message: object) -> JsonObject:
    """Return an error's members, {} if the message is no error."""
    error = message.get("error") if isinstance(message, dict) else None
    return error if isinstance(error, dict) else {}
