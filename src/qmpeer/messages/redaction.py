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

_HUMAN_SECRETS = ("set_password", "change vnc", "object_add secret", "block_passwd")


def redact_arguments(command: str, arguments: JsonObject | None) -> JsonObject | None:
    """Return the arguments with their secrets blanked, the same object where there are none."""
    if not arguments:
        return arguments
    redacted: JsonValue = arguments
    for name, path in SECRETS:
        if name in (command, "*"):
            redacted = _blank(redacted, path)
    if command == "human-monitor-command":
        line = arguments.get("command-line")
        if isinstance(line, str) and line.lstrip().startswith(_HUMAN_SECRETS):
            words = line.split(None, 2)
            redacted = {**arguments, "command-line": " ".join((*words[:2], REDACTED))}
    assert isinstance(redacted, dict)
    return redacted


def redact_message(message: JsonValue) -> JsonValue:
    """Return a command as it stands on the wire with its secrets blanked; others as they are.

    A transaction's and a wrapped command's arguments are looked at too.
    """
    if not isinstance(message, dict):
        return message
    for verb in ("execute", "exec-oob"):
        name, arguments = message.get(verb), message.get("arguments")
        if isinstance(name, str) and isinstance(arguments, dict):
            return {**message, "arguments": redact_arguments(name, arguments)}
    return message


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
