"""Limits for the size of types, counting the members of their bases and branches.

Users of the model copy the members of bases into every type that has them. A small file can make
these copies exceed any memory, so their size is computed before anything is copied.
"""

from collections.abc import Callable, Mapping

from qmpeer import limits
from qmpeer.schema.model import EnumDefinition, StructDefinition, Type, UnionDefinition


def check_sizes(types: Mapping[str, Type], refuse: Callable[[str, str], None]) -> None:
    """Refuse types that are nested too deeply, or that are too large together.

    Cycles are not followed.

    Args:
        types: All types.
        refuse: Called with the type that exceeds a limit, and the reason; it raises an exception.
    """
    sizes = _SizeCounter(types, refuse)
    for name in types:
        sizes.add(name)


class _SizeCounter:
    def __init__(self, types: Mapping[str, Type], refuse: Callable[[str, str], None]) -> None:
        self._types = types
        self._refuse = refuse
        self._known: dict[str, int] = {}
        self._total = 0

    def add(self, name: str) -> None:
        self._total += self._extent(name, 0, name)
        if self._total > limits.SCHEMA_MEMBERS:
            reason = f"with it, the types have more than {limits.SCHEMA_MEMBERS} members"
            self._refuse(name, f"{reason}, inherited ones included")

    def _extent(self, name: str, depth: int, top: str) -> int:
        if name in self._known:
            return self._known[name]
        if depth > limits.SCHEMA_BASES:
            self._refuse(
                top, f"its bases or branches are nested more than {limits.SCHEMA_BASES} levels deep"
            )
        schema_type = self._types.get(name)
        # Entered before it is computed, so that a cycle ends here.
        extent = self._known[name] = 1
        if isinstance(schema_type, StructDefinition):
            extent += len(schema_type.members)
        if (
            isinstance(schema_type, StructDefinition | UnionDefinition)
            and schema_type.base is not None
        ):
            extent += self._extent(schema_type.base, depth + 1, top)
        if isinstance(schema_type, UnionDefinition):
            extent += self._values(schema_type)
            extent += sum(
                self._extent(branch.type, depth + 1, top) for branch in schema_type.branches
            )
        self._known[name] = extent
        return extent

    def _values(self, union: UnionDefinition) -> int:
        """Return the number of the discriminator's values: each makes a branch."""
        base: str | None = union.base
        for _ in range(limits.SCHEMA_BASES):
            schema_type = self._types.get(base or "")
            if not isinstance(schema_type, StructDefinition):
                break
            for member in schema_type.members:
                if member.name == union.discriminator:
                    values = self._types.get(member.type)
                    return len(values.values) if isinstance(values, EnumDefinition) else 0
            base = schema_type.base
        return 0
