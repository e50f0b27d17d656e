"""A policy: all rules of one file, and the rights that they give to a client."""

from collections.abc import Mapping, Sequence

from qmpeer.effects import CommandEffects, effects_of
from qmpeer.policy.rates import Rates
from qmpeer.policy.rights import Rights
from qmpeer.policy.rule_book import RuleBook
from qmpeer.policy.rules import PolicyClient, Rule


class Policy:
    """A policy.

    Args:
        rules: Its rules, in order.
        own: The effects of commands that the table of commands doesn't have.
        is_dry_run: True to let everything pass, and only tell what would be denied.
        source: The file that it was read from.
        digest: A digest of that file's text.

    Attributes:
        rules: The same.
        is_dry_run: The same.
        source: The same.
        digest: The same.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        own: Mapping[str, CommandEffects] | None = None,
        is_dry_run: bool = False,
        source: str = "",
        digest: str = "",
    ) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        self.is_dry_run: bool = is_dry_run
        self.source: str = source
        self.digest: str = digest
        self._own = dict(own or {})
        self._rates = Rates()
        self._books: dict[tuple[int, ...], RuleBook] = {}  # by the numbers of their rules

    def for_dry_run(self) -> "Policy":
        """Return the same policy, for a dry run."""
        return Policy(
            self.rules, own=self._own, is_dry_run=True, source=self.source, digest=self.digest
        )

    def rights(self, client: PolicyClient) -> Rights:
        """Return the rights of a client. Those of the same client share the counts of its rates."""
        about = tuple(n for n, rule in enumerate(self.rules) if rule.is_about(client))
        book = self._books.get(about)
        if book is None:
            rules = [self.rules[n] for n in about]
            book = self._books[about] = RuleBook(rules, self.effects_of)
        return Rights(book, client, self._rates)

    def effects_of(self, name: str) -> CommandEffects | None:
        """Return the effects of a command; None if it is unknown."""
        return self._own.get(name) or effects_of(name)
