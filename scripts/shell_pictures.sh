#!/bin/sh
# Make the pictures of docs/shell.md again, with the test that takes them.
set -e
cd "$(dirname "$0")/.."
mkdir -p docs/pictures
QMPEER_PICTURES=docs/pictures .venv/bin/pytest -q -p no:cacheprovider \
    tests/shell/test_tmux.py -k test_what_the_documentation_shows
