"""The two ways in which a case ends without success: a mismatch, or no way to try it."""


class Mismatch(Exception):
    """A server that doesn't do what a case expects.

    Attributes:
        expected: What was expected.
        found: What was found instead.
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected: str = expected
        self.found: str = found

    def __str__(self) -> str:
        return f"found {self.found}, expected {self.expected}"


class NotTried(Exception):
    """A case that can't be tried with this server.

    Attributes:
        reason: The reason.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: str = reason
