"""The rules of one listener: what its clients may have."""

import msgspec


class ListenerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients of one listener may have.

    Attributes:
        name: The listener's name, such as the label of its character device.
        events: The events that they may have: names in which * stands for any text; None for all.
        has_extensions: True if they may use the proxy's own commands.
    """

    name: str
    events: tuple[str, ...] | None = None
    has_extensions: bool = False
