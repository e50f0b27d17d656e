"""Typed bindings: a Python module with a schema's commands as functions, its types as classes.

Theory of operation. `planner` selects the needed types and makes a plan of them, whose structs are
in `plan`; `python_names` converts the names. `types_text` and `calls_text` write the plan as
Python, and `module` assembles the module. Its text depends only on the schema.

The Python form of each kind of definition::

    struct      class StatusInfo(Struct):                    # or a subclass of its base
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

A branch of a union is one class with the members of the union's base and of the branch, because
they are one object on the wire. A branch that is itself a union has a class for each of its own
branches, with both discriminators.
"""

from qmpeer.codegen.bindings.module import bindings_text

__all__ = ["bindings_text"]
