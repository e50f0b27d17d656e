"""The rules of one listener: what its clients may have."""

import msgspec


class ListenerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients of one listener may have.

    Attributes:
        name: The listener's name, such as the label of its character device.
    """

    name: str
