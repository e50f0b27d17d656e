"""Fixtures for bindings of real schemas, each generated and imported once."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from qmpeer.codegen import bindings_text
from tests.corpus import qapi_schema, recorded_schema

Import = Callable[[str], ModuleType]


@pytest.fixture(scope="session")
def import_text(tmp_path_factory: pytest.TempPathFactory) -> Import:
    """Return a function that imports a module from its text."""
    directory = tmp_path_factory.mktemp("made")
    count = 0

    def load(text: str) -> ModuleType:
        nonlocal count
        count += 1
        path: Path = directory / f"made_binding_{count}.py"
        path.write_text(text)
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        sys.modules[path.stem] = module  # where Python resolves annotations
        exec(compile(text, str(path), "exec"), module.__dict__)
        return module

    return load


@pytest.fixture(scope="session")
def binding_of(import_text: Import) -> Import:
    """Return a function that binds a recording, "7.2.0_x86_64", or files, "v7.2 files"."""
    made: dict[str, ModuleType] = {}

    def binding(name: str) -> ModuleType:
        if name not in made:
            release = name.removesuffix(" files")
            schema = recorded_schema(name) if release == name else qapi_schema(release)
            made[name] = import_text(bindings_text(schema, source=name))
        return made[name]

    return binding
