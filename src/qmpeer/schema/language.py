"""The QAPI language as a source: a model made from schema files.

Theory of operation. Files are read once each, in the order in which they include one another.
`syntax` parses their expressions and doc comments, `pragmas` collects the rules. After the last
file, `definitions` makes structs of the expressions, then `references` and `doc_checks` check how
these fit together. Errors are collected on the way. After a syntax error, references are not
checked, because the unreadable text may contain what they refer to.

Spec: QEMU's "How to use the QAPI code generator", of today and of every release since 1.0.
"""

import posixpath
from collections.abc import Callable, Iterable
from itertools import count
from operator import attrgetter
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.errors import Location
from qmpeer.schema.definitions import DefinitionBuilder
from qmpeer.schema.doc_checks import DocProblems, check_documentation
from qmpeer.schema.documentation import DocComment, read_comment
from qmpeer.schema.expressions import DIRECTIVES, Expression, read_expression
from qmpeer.schema.model import Documentation, Entity, IntrospectionForm, Schema
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.references import check_references
from qmpeer.schema.source_files import Problems, SourceFile, SourcePlace, TooManyErrors
from qmpeer.schema.syntax import Comment, read_file

ReadFile: TypeAlias = Callable[[str], bytes]
"""A function that reads a file by its name, and raises OSError if it can't."""


_AS_READ: Final = (2, 12)
_BY_FILE: Final = (5, 0)
_ENUM_MEMBERS: Final = (6, 2)
_OOB_ALWAYS: Final = (2, 12)


def schema_from_qapi(
    file: str,
    read: ReadFile,
    *,
    is_strict: bool = False,
    release: tuple[int, int] | None = None,
) -> Schema:
    """Make a model from a schema in the QAPI language.

    Args:
        file: The name of its first file. The names of included files are relative to the file that
            includes them, with slashes.
        read: A function that reads a file by such a name.
        is_strict: Apply today's rules even if the schema's pragmas don't require them: names,
            return types, documentation, no obsolete syntax.
        release: The schema's QEMU release, if known, such as (4, 2). It decides the order and the
            form of introspection. None means today's.

    Raises:
        SchemaError: The first error in the schema; the others are in its `others`.
        OSError: If the first file can't be read.

    Example:
        >>> text = b"{ 'command': 'eject', 'data': { 'id': 'str', '*force': 'bool' } }"
        >>> schema = schema_from_qapi("eject.json", lambda name: text)
        >>> [member.name for member in schema.types["eject-arg"].members]
        ['id', 'force']
    """
    problems = Problems()
    try:
        schema = _SchemaLoader(read, problems, is_strict).load(file, release)
    except TooManyErrors:
        schema = None
    if problems or schema is None:
        raise problems.error()
    return schema


def _form(release: tuple[int, int] | None) -> IntrospectionForm:
    if release is None:
        return IntrospectionForm()
    return IntrospectionForm(
        enum_members=release >= _ENUM_MEMBERS, oob_always=release == _OOB_ALWAYS
    )


def _sorted_by_file(entities: Iterable[Entity], files: Iterable[str]) -> list[Entity]:
    """Sort commands and events by file, each file before the files that it includes.

    Spec: QEMU's order since 5.0. From 2.12 to 4.2 it was the order in which they were read; before
    2.12 they were sorted by name.
    """
    order = {file: index for index, file in enumerate(files)}

    def place(entity: Entity) -> int:
        assert entity.location
        return order[entity.location.file]

    return sorted(entities, key=place)


class _SchemaLoader:
    """The state of reading one schema: its files, rules, expressions and doc comments."""

    def __init__(self, read: ReadFile, problems: Problems, is_strict: bool) -> None:
        self._read = read
        self._problems = problems
        self._pragmas = Pragmas(is_strict)
        self._docs = DocProblems()
        self._files: dict[str, None] = {}
        self._size = 0
        self._count = count()
        self._expressions: list[Expression] = []
        self._free: list[Documentation] = []

    def load(self, file: str, release: tuple[int, int] | None) -> Schema:
        self._load_text(file, self._read(file), None, ())
        definitions = DefinitionBuilder(self._problems, self._pragmas)
        for expression in self._expressions:
            definitions.add(expression)
            check_documentation(expression, self._pragmas, self._docs)
        definitions.finish()
        self._docs.report(self._pragmas, self._problems)
        if not self._problems.has_syntax_errors:
            check_references(definitions, self._pragmas, self._problems)
        entities = list(definitions.entities.values())
        if release is None or release >= _BY_FILE:
            entities = _sorted_by_file(entities, self._files)
        elif release < _AS_READ:
            entities.sort(key=attrgetter("name"))
        return Schema(
            definitions.types,
            tuple(entities),
            tuple(self._free),
            _form(release),
            files=tuple(self._files),
        )

    # --- Files ----------------------------------------------------------------------------------

    def _load_text(
        self, file: str, data: bytes, place: SourcePlace | None, chain: tuple[str, ...]
    ) -> None:
        includes: tuple[Location, ...] = ()
        if place:
            includes = (place.location, *place.source.includes)
        self._files[file] = None
        self._size += len(data)
        too_large = len(data) > limits.SCHEMA_FILE_SIZE or self._size > limits.SCHEMA_SIZE
        if too_large or len(self._files) > limits.SCHEMA_FILES:
            limit = (
                f"{limits.SCHEMA_FILE_SIZE} bytes a file, "
                f"{limits.SCHEMA_SIZE} in {limits.SCHEMA_FILES} files"
            )
            # The text that is too large is not kept for the error message.
            empty = SourcePlace(SourceFile(file, "", includes), 0)
            self._problems.syntax(empty, f"the schema is too large, expected at most {limit}")
            raise TooManyErrors
        try:
            source = SourceFile(file, data.decode("utf-8"), includes)
        except UnicodeDecodeError as error:
            text = data[: error.start].decode("utf-8")
            place = SourcePlace(SourceFile(file, text, includes), len(text))
            self._problems.syntax(place, f"byte 0x{data[error.start]:02x} is not UTF-8")
            return
        self._load_source(source, (*chain, file))

    def _load_source(self, source: SourceFile, chain: tuple[str, ...]) -> None:
        comment: DocComment | None = None
        self._docs.note_age(source)
        for item in read_file(source, self._problems, self._count, self._pragmas.is_todays):
            if isinstance(item, Comment):
                self._end_comment(comment)
                comment = self._comment(source, item)
                continue
            expression = read_expression(source, item, self._problems) if item is not None else None
            if expression is None:
                comment = None
                continue
            if expression.keyword in DIRECTIVES:
                self._end_comment(comment)
            else:
                self._attach(expression, comment)
            comment = None
            self._add(expression, chain)
        self._end_comment(comment)

    def _add(self, expression: Expression, chain: tuple[str, ...]) -> None:
        match expression.keyword:
            case "include":
                self._include(expression, chain)
            case "pragma":
                self._pragmas.apply(expression, self._problems)
            case _:
                if len(self._expressions) >= limits.SCHEMA_DEFINITIONS:
                    reason = f"found more than {limits.SCHEMA_DEFINITIONS} definitions"
                    self._problems.semantic(expression.place, reason)
                    raise TooManyErrors
                self._expressions.append(expression)

    def _include(self, expression: Expression, chain: tuple[str, ...]) -> None:
        source, place = expression.place.source, expression.place
        # posixpath on every system: names within a schema have slashes.
        folder = posixpath.dirname(source.file)
        file = posixpath.normpath(posixpath.join(folder, expression.name))
        if file in chain:
            self._problems.semantic(place, f"{file!r} includes itself")
        elif file not in self._files:  # a second include is valid, and does nothing
            if len(chain) >= limits.SCHEMA_INCLUDES:
                self._problems.semantic(
                    place, f"includes are nested more than {limits.SCHEMA_INCLUDES} levels deep"
                )
                return
            try:
                data = self._read(file)
            except (OSError, ValueError) as error:
                self._files[file] = None  # a second include of it reports no second error
                reason = getattr(error, "strerror", None) or str(error)
                self._problems.semantic(place, f"{file!r} can't be read: {reason}")
                return
            self._load_text(file, data, place, chain)

    # --- Doc comments ---------------------------------------------------------------------------

    def _comment(self, source: SourceFile, comment: Comment) -> DocComment | None:
        if not comment.is_closed:
            reason = "the doc comment has no closing '##'"
            self._docs.note(SourcePlace(source, comment.offset), reason)
            if "\n#" not in comment.text:
                return None  # a closing ## without an opening one
        read = read_comment(source, comment)
        for number, reason in read.faults:
            self._docs.note(read.place_of_line(number), reason)
        return read

    def _attach(self, expression: Expression, comment: DocComment | None) -> None:
        if comment is None:
            return
        symbol = comment.documentation.symbol
        if symbol == expression.name:
            expression.comment = comment
        else:
            reason = f"the doc comment of {expression.name!r} has the symbol {symbol!r}"
            if symbol is None:
                reason = f"the doc comment of {expression.name!r} has no symbol"
            self._docs.note(comment.place, reason)
            expression.has_other_comment = True
            self._free.append(comment.documentation)

    def _end_comment(self, comment: DocComment | None) -> None:
        """Store a doc comment that no definition follows; report it if it has a symbol."""
        if comment is None:
            return
        symbol = comment.documentation.symbol
        if symbol is not None:
            reason = f"the doc comment of {symbol!r} is not followed by its definition"
            self._docs.note(comment.place, reason)
        self._free.append(comment.documentation)
