"""The pages of a schema's reference: one for each module, and an index of all.

A module is a QAPI file. A schema from introspection or from the signatures of handlers has no files
and makes one module.
"""

import itertools
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Heading,
    ItemList,
    Link,
    ListItem,
    Page,
    Paragraph,
    Text,
)
from qmpeer.codegen.reference.entries import EntryBuilder, kind_of
from qmpeer.codegen.reference.markup import blocks_of, plain
from qmpeer.errors import Location
from qmpeer.schema import (
    BUILT_INS,
    Array,
    BuiltIn,
    Documentation,
    Entity,
    EnumDefinition,
    Schema,
    StructDefinition,
    Type,
    special_features,
)

INDEX: Final = "index"
_ALL: Final = "interface"
_DEEPEST: Final = 6
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_SECTIONS: Final = (
    ("Commands", ("command",)),
    ("Events", ("event",)),
    ("Types", ("enum", "object", "union", "alternate")),
)

_Definition: TypeAlias = Entity | Type
_Part = TypeVar("_Part", bound=Documentation | Entity | Type)


class Reference(msgspec.Struct, frozen=True):
    """The reference of a schema.

    Attributes:
        title: Its title.
        index: The page that links to all others.
        pages: The modules' pages, in schema order.
        places: The page name of each entry, by the entry's name.
        kinds: The kind of each entry, as in `Entry.kind`, by the entry's name.
    """

    title: str
    index: Page
    pages: tuple[Page, ...]
    places: dict[str, str]
    kinds: dict[str, str]


def reference_of(schema: Schema, title: str) -> Reference:
    """Make the reference of a schema.

    Args:
        schema: The schema, with its conditions.
        title: The title of the reference.
    """
    return _ReferenceBuilder(schema, title).reference()


class _ReferenceBuilder:
    def __init__(self, schema: Schema, title: str) -> None:
        self._title = title
        types = [definition for definition in schema.types.values() if _is_shown(definition)]
        self._definitions: dict[str, _Definition] = {
            definition.name: definition for definition in types
        }
        self._definitions.update((entity.name, entity) for entity in schema.entities)
        names = _page_names(_files(schema, self._definitions.values()))
        self._names = names
        self._places = {
            name: names[_file_of(definition)] for name, definition in self._definitions.items()
        }
        self._entries = EntryBuilder(schema, self._resolve)
        self._free = _by_file(schema.free_documentation)
        self._here = _by_file(self._definitions.values())

    def _resolve(self, name: str) -> str | None:
        return f"#{name}" if name in self._places else None

    def reference(self) -> Reference:
        pages = tuple(self._page(file, name) for file, name in self._names.items())
        kinds = {name: kind_of(definition) for name, definition in self._definitions.items()}
        return Reference(self._title, self._index(pages), pages, self._places, kinds)

    # --- Modules --------------------------------------------------------------------------------

    def _page(self, file: str, name: str) -> Page:
        free, here = self._free[file], self._here[file]
        if file:
            order: Callable[[Documentation | _Definition], tuple[int, int]] = _place
            blocks = self._in_order(sorted([*free, *here], key=order))
        else:
            blocks = self._by_kind(here)
        title, blocks = _titled(blocks, name)
        return Page(name, title, tuple(blocks))

    def _in_order(self, parts: Sequence[Documentation | _Definition]) -> list[Block]:
        """Return the contents of a file, with entries one level below its headings.

        Texts keep their order. Between two of them commands come first, then events, then types.
        """
        blocks: list[Block] = []
        level = 2
        for part in _commands_first(parts):
            if isinstance(part, Documentation):
                found = blocks_of(part.text, self._resolve)
                blocks += found
                levels = [block.level for block in found if isinstance(block, Heading)]
                level = levels[-1] if levels else level
            else:
                blocks.append(self._entries.entry(part, level + 1))
        return blocks

    def _by_kind(self, definitions: Sequence[_Definition]) -> list[Block]:
        blocks: list[Block] = []
        for title, kinds in _SECTIONS:
            chosen = [definition for definition in definitions if kind_of(definition) in kinds]
            if chosen:
                blocks.append(Heading(2, title))
                blocks += [self._entries.entry(definition, 3) for definition in chosen]
        return blocks

    # --- The index ------------------------------------------------------------------------------

    def _index(self, pages: Sequence[Page]) -> Page:
        modules = [ListItem((), (Link(page.title, f"page:{page.name}"),)) for page in pages]
        blocks: list[Block] = [Heading(2, "Modules"), ItemList(tuple(modules))]
        for title, kinds in _SECTIONS:
            names = [
                name
                for name, definition in self._definitions.items()
                if kind_of(definition) in kinds
            ]
            if names:
                names.sort(key=lambda name: (name.lower(), name))
                items = [self._index_item(name) for name in names]
                blocks += [Heading(2, title), ItemList(tuple(items))]
        counts = [
            f"{title}: {sum(kind_of(of) in kinds for of in self._definitions.values())}"
            for title, kinds in _SECTIONS
        ]
        summary = Paragraph(plain(", ".join(counts)))
        return Page(INDEX, self._title, (summary, *blocks))

    def _index_item(self, name: str) -> ListItem:
        definition = self._definitions[name]
        assert not isinstance(definition, BuiltIn | Array)
        marks = special_features(definition.features)
        note = (Text(" "), Text(f"({', '.join(marks)})", "emphasis")) if marks else ()
        return ListItem((), (Link(name, f"#{name}", is_code=True), *note))


def _is_shown(definition: Type) -> bool:
    if isinstance(definition, BuiltIn | Array) or definition.name in BUILT_INS:
        return False
    return not (
        isinstance(definition, StructDefinition | EnumDefinition) and definition.is_implicit
    )


def _location(part: Documentation | _Definition) -> Location | None:
    return None if isinstance(part, BuiltIn | Array) else part.location


def _file_of(part: Documentation | _Definition) -> str:
    location = _location(part)
    return location.file if location else ""


def _by_file(parts: Iterable[_Part]) -> defaultdict[str, list[_Part]]:
    found = defaultdict[str, list[_Part]](list)
    for part in parts:
        found[_file_of(part)].append(part)
    return found


def _place(part: Documentation | _Definition) -> tuple[int, int]:
    location = _location(part)
    return (location.line, location.column) if location else (0, 0)


def _commands_first(
    parts: Sequence[Documentation | _Definition],
) -> Iterator[Documentation | _Definition]:
    for _, run in itertools.groupby(parts, key=lambda part: isinstance(part, Documentation)):
        yield from sorted(run, key=_rank)  # a text's rank is 0, so texts stay as they are


def _rank(part: Documentation | _Definition) -> int:
    """Return the place of a part's kind in `_SECTIONS`."""
    if isinstance(part, Documentation):
        return 0
    kind = kind_of(part)
    return next(rank for rank, (_, kinds) in enumerate(_SECTIONS) if kind in kinds)


def _files(schema: Schema, definitions: Iterable[_Definition]) -> list[str]:
    """Return the files with content, in the schema's order."""
    used = {_file_of(part) for part in (*schema.free_documentation, *definitions)}
    known = [file for file in schema.files if file in used]
    return known + sorted(used - set(known))


def _page_names(files: Sequence[str]) -> dict[str, str]:
    """Return the name of each file's page: the file's name, with folders only if it is taken."""
    names: dict[str, str] = {}
    taken = {INDEX}
    for file in files:
        parts = posixpath.splitext(file or _ALL)[0].split("/")
        wishes = ["-".join(parts[at:]) for at in reversed(range(len(parts)))]
        stems = [_UNSAFE.sub("-", wish).strip("-.") or "module" for wish in wishes]
        numbered = (f"{stems[-1]}-{number}" for number in itertools.count(2))
        names[file] = next(
            stem for stem in itertools.chain(stems, numbered) if stem.lower() not in taken
        )
        taken.add(names[file].lower())
    return names


def _titled(blocks: Sequence[Block], name: str) -> tuple[str, list[Block]]:
    """Return the title and the other blocks; a first heading is the title.

    The levels of the other headings begin with 2 and skip none.
    """
    title = name.capitalize() if name == _ALL else name
    if blocks and isinstance(blocks[0], Heading):
        title, blocks = blocks[0].text, blocks[1:]
    result: list[Block] = []
    above: list[int] = []
    for block in blocks:
        if isinstance(block, Heading | Entry):
            while above and above[-1] >= block.level:
                above.pop()
            above.append(block.level)
            block = msgspec.structs.replace(block, level=min(len(above) + 1, _DEEPEST))
        result.append(block)
    return title, result
