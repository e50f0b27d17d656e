"""Reference documentation: pages on all commands, events and types of a schema.

`pages` makes pages of a schema, whose blocks (`blocks`) are the same for every format; `entries`
says what stands in an entry, `markup` reads doc comments. One module a format writes them out.
"""

from typing import Final, Literal, TypeAlias, get_args

from qmpeer.codegen.reference.manual import manual_files
from qmpeer.codegen.reference.markdown import markdown_files
from qmpeer.codegen.reference.pages import reference_of
from qmpeer.codegen.reference.restructured_text import restructured_text_files
from qmpeer.schema import Schema

__all__ = ["FORMATS", "ReferenceFormat", "reference_files"]

ReferenceFormat: TypeAlias = Literal["md", "man", "sphinx"]

FORMATS: Final[tuple[ReferenceFormat, ...]] = get_args(ReferenceFormat)


def reference_files(
    schema: Schema,
    format: ReferenceFormat,
    title: str,
    *,
    has_toctree: bool = False,
    namespace: str = "",
) -> dict[str, str]:
    """Return the reference of a schema as texts of files, by the files' names.

    One file is a module's, which is a QAPI file; one more, ``index`` or ``qmp.7``, leads to them.
    The same schema gives the same texts.

    Args:
        schema: The schema, conditions and all.
        format: "md" (Markdown), "man", or "sphinx" (reStructuredText for the QAPI domain).
        title: What it is the reference of.
        has_toctree: For Markdown: put the pages into the table of contents of a Sphinx project.
        namespace: For Sphinx: keeps the names apart from those of another schema in the project.

    Example:
        >>> from qmpeer.schema import BUILT_INS, CommandDefinition, Schema
        >>> schema = Schema(BUILT_INS, (CommandDefinition(name="stop"),))
        >>> files = reference_files(schema, "md", "Small")
        >>> sorted(files)
        ['index.md', 'interface.md']
    """
    reference = reference_of(schema, title)
    if format == "man":
        return manual_files(reference)
    if format == "sphinx":
        return restructured_text_files(reference, namespace=namespace)
    return markdown_files(reference, has_toctree=has_toctree)
