"""References of whole schemas, as `qmpeer docs` writes them, build without a warning."""

from typing import Any

import pytest

from qmpeer.codegen import reference_files
from qmpeer.schema import Schema
from tests.codegen.hostile_texts import hostile_schema
from tests.corpus import (
    MACHINE_TREE,
    SMALL_TREES,
    TREES,
    own_and_real,
    qapi_schema,
    recorded_schema,
)
from tests.sphinx_domain.conftest import Build

SMALL = "small-9.2"
FAST = {("v7.2", "qga/qapi-schema.json")}


def trees() -> list[Any]:
    slow = pytest.mark.slow
    real = [pytest.param(*tree, marks=() if tree in FAST else slow) for tree in TREES]
    return own_and_real(
        [*SMALL_TREES, MACHINE_TREE], sorted(real, key=lambda each: bool(each.marks))
    )


def built(schema: Schema, build: Build, namespace: str = "") -> None:
    files = reference_files(schema, "sphinx", "Whole", namespace=namespace)
    project = build(files, "dummy")
    assert project.warnings == []


@pytest.mark.parametrize(("release", "root"), trees())
def test_trees(release: str, root: str, build: Build) -> None:
    built(qapi_schema(release, root), build, "QMP")


@pytest.mark.parametrize(
    "name", own_and_real([SMALL], [pytest.param("7.2.0_x86_64", marks=pytest.mark.slow)])
)
def test_recordings(name: str, build: Build) -> None:
    built(recorded_schema(name), build)


def test_hostile_texts(build: Build) -> None:
    files = reference_files(hostile_schema(), "sphinx", "Whole")
    project = build(files)
    assert project.warnings == []
    assert "<script>alert" not in project.html("interface")


def test_two_schemas_in_one_project(build: Build) -> None:
    schema = qapi_schema(SMALL)
    pages = {"index.rst": "Title\n=====\n\n.. toctree::\n   :glob:\n\n   *\n"}
    for namespace in ("QMP", "QSD"):
        for name, text in reference_files(schema, "sphinx", "Whole", namespace=namespace).items():
            if name != "index.rst":
                pages[f"{namespace}-{name}"] = text
    assert build(pages, "dummy").warnings == []
