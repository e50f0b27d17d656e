"""What must not be written down: one table of secrets in commands, and the means to blank them.

Every log, history and recording goes through here. A row names a command and the path of a member
in its arguments; ``*`` stands for any list element or member at one step, ``**`` for any depth.

Spec: the QAPI schema's members that carry passwords, keys and secrets, QEMU 2.0 to 10.
"""

from qmpeer.values import JsonObject, JsonValue

__all__ = ["REDACTED", "SECRETS", "redact_arguments", "redact_message"]

REDACTED = "<redacted>"

SECRETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("block_passwd", ("password",)),
    ("change-vnc-password", ("password",)),
    ("change", ("arg",)),  # change vnc password TEXT
    ("set_password", ("password",)),
    ("guest-set-user-password", ("password",)),
    ("guest-ssh-add-authorized-keys", ("keys", "*")),
    ("object-add", ("data",)),
    ("object-add", ("props", "data")),  # before 6.0
    ("object-add", ("password",)),
    ("object_add", ("data",)),
    ("guest-file-write", ("buf-b64",)),
    ("guest-exec", ("input-data",)),
    ("guest-exec", ("env", "*")),
    ("blockdev-add", ("**", "password")),
    ("blockdev-add", ("**", "cookie")),
    ("blockdev-create", ("**", "password")),
    ("x-blockdev-amend", ("**", "password")),
    ("*", ("password",)),
    ("*", ("secret",)),
)
"""Command, and path of the member; ``*`` as the command stands for each."""

_HUMAN_SECRETS: dict[str, int] = {
    "set_password": 2,
    "block_passwd": 2,
    "change": 2,
    "object_add": 1,
}
"""Commands of the human monitor, and how many words of them may be shown, blanks between."""


def redact_arguments(command: str, arguments: JsonObject | None) -> JsonObject | None:
    """Return the arguments with their secrets blanked, the same object where there are none."""
    if not arguments:
        return arguments
    redacted: JsonValue = arguments
    if command == "transaction":
        redacted = _redact_actions(arguments)
    for name, path in SECRETS:
        if name in (command, "*"):
            redacted = _blank(redacted, path)
    if command == "human-monitor-command":
        line = arguments.get("command-line")
        if isinstance(line, str) and _is_secret_line(words := line.split()):
            shown = words[: _HUMAN_SECRETS[words[0]]]
            redacted = {**arguments, "command-line": " ".join((*shown, REDACTED))}
    assert isinstance(redacted, dict)
    return redacted


def redact_message(message: JsonValue) -> JsonValue:
    """Return a command as it stands on the wire with its secrets blanked; others as they are.

    Whatever has arguments counts as a command, so that a misspelt verb gives nothing away.
    """
    if not isinstance(message, dict) or not isinstance(message.get("arguments"), dict):
        return message
    name = message.get("execute", message.get("exec-oob"))
    arguments = message["arguments"]
    assert isinstance(arguments, dict)
    redacted = redact_arguments(name if isinstance(name, str) else "", arguments)
    return message if redacted is arguments else {**message, "arguments": redacted}


def _redact_actions(arguments: JsonObject) -> JsonObject:
    """Blank the secrets of a transaction's actions, each of which is like a command."""
    actions = arguments.get("actions")
    if not isinstance(actions, list):
        return arguments
    redacted = [_redact_action(action) for action in actions]
    if all(new is old for new, old in zip(redacted, actions, strict=True)):
        return arguments
    return {**arguments, "actions": redacted}


def _redact_action(action: JsonValue) -> JsonValue:
    if isinstance(action, dict):
        name, data = action.get("type"), action.get("data")
        if isinstance(name, str) and isinstance(data, dict):
            blanked = redact_arguments(name, data)
            return action if blanked is data else {**action, "data": blanked}
    return action


def _is_secret_line(words: list[str]) -> bool:
    """Tell whether a line for the human monitor holds more than may be shown."""
    if not words or len(words) <= _HUMAN_SECRETS.get(words[0], len(words)):
        return False
    return words[0] != "change" or words[1] == "vnc"


def _blank(value: JsonValue, path: tuple[str, ...]) -> JsonValue:
    """Return the value with what the path leads to blanked; nothing is changed in place."""
    if not path:
        return REDACTED
    step, rest = path[0], path[1:]
    if step == "**":
        value = _blank(value, rest)
        rest = path
    if isinstance(value, dict):
        names = value if step in ("*", "**") else ((step,) if step in value else ())
        changes = {name: _blank(value[name], rest) for name in names}
        if any(changes[name] is not value[name] for name in changes):
            return {**value, **changes}
    elif isinstance(value, list) and step in ("*", "**"):
        items = [_blank(item, rest) for item in value]
        if any(new is not old for new, old in zip(items, value, strict=True)):
            return items
    return value
