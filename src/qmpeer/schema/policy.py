"""Policy: what is done about commands, arguments, events and members that may go away."""

from typing import Literal, TypeAlias

import msgspec

__all__ = ["InputPolicy", "OutputPolicy", "Policy"]

InputPolicy: TypeAlias = Literal["accept", "reject", "crash"]
OutputPolicy: TypeAlias = Literal["accept", "hide"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a policy.

    Spec: QEMU's ``-compat``, made for testing whether a client relies on such things.

    Attributes:
        deprecated_input: Of what comes in: accept; reject with an error; crash the process.
        deprecated_output: Of what goes out: accept; hide, as a later release may.
        unstable_input: The same of what is unstable.
        unstable_output: The same of what is unstable.

    Example:
        >>> Policy(deprecated_input="reject").rejected
        frozenset({'deprecated'})
    """

    deprecated_input: InputPolicy = "accept"
    deprecated_output: OutputPolicy = "accept"
    unstable_input: InputPolicy = "accept"
    unstable_output: OutputPolicy = "accept"

    @property
    def rejected(self) -> frozenset[str]:
        """The features that aren't accepted in what comes in."""
        found = {"deprecated": self.deprecated_input, "unstable": self.unstable_input}
        return frozenset(name for name, policy in found.items() if policy != "accept")

    @property
    def crashing(self) -> frozenset[str]:
        """The features of which the process ends."""
        found = {"deprecated": self.deprecated_input, "unstable": self.unstable_input}
        return frozenset(name for name, policy in found.items() if policy == "crash")

    @property
    def hidden(self) -> frozenset[str]:
        """The features of what isn't sent."""
        found = {"deprecated": self.deprecated_output, "unstable": self.unstable_output}
        return frozenset(name for name, policy in found.items() if policy == "hide")
