"""Reference documentation: pages on all commands, events and types of a schema.

`pages` makes pages from a schema. They consist of `blocks`, which are the same for every format.
`entries` makes the entry of each definition, `markup` parses doc comments. One module for each
format writes the pages.
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
    """Return the reference of a schema: the text of each file, by its name.

    Each QAPI file is a module and makes one file. One more file, ``index`` or ``qmp.7``, links to
    all of them. The same schema makes the same texts.

    Args:
        schema: The schema, with its conditions.
        format: "md" (Markdown), "man", or "sphinx" (reStructuredText for the QAPI domain).
        title: The title of the reference.
        has_toctree: For Markdown: add the pages to the table of contents of a Sphinx project.
        namespace: For Sphinx: separates the names from those of another schema in the project.

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
