"""Typed bindings: a Python module that has a schema's commands as functions, its types as classes.

Theory of operation. `names` makes Python names of those of the schema, `plan` decides which types
are needed and what each becomes, `types_text` and `calls_text` write them, and `module` puts the
module together. Its text depends on the schema alone.

What becomes of what::

    struct      class StatusInfo(Struct):                    # its base's members are inherited
                    running: bool
                    status: Annotated[str, RunState]
    enum        class RunState(Enumeration):                 # values are plain strings
                    PAUSED = "paused"
    union       class BlockdevOptionsQcow2(BlockdevOptionsCommon, tag="qcow2"): ...
                class UnknownBlockdevOptions(UnknownBranch, ...): ...
                BlockdevOptions: TypeAlias = BlockdevOptionsQcow2 | ... | UnknownBlockdevOptions
    alternate   StrOrNull: TypeAlias = str | None
    command     def query_status() -> Command[StatusInfo]: ...
    event       STOP: EventType[Empty] = event_type("STOP", Empty)

A branch of a union is one class with the members of the union's base and the branch's own, as they
are one object on the wire. Where a branch is a union itself, there is a class for each of that
one's branches, with both discriminators.
"""

from qmpeer.codegen.bindings.module import bindings_text

__all__ = ["bindings_text"]
