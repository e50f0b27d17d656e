#!/bin/sh
# Install clients for Node that others wrote, in build/npm, for the tests; unless QMPEER_INSTALL=no.
set -eu
cd "$(dirname "$0")/.."
folder=build/npm

[ -d $folder/node_modules/qemu-qmp ] && exit 0
[ "${QMPEER_INSTALL-}" != no ] || exit 0
command -v node >/dev/null && command -v npm >/dev/null || exit 0
mkdir -p $folder
timeout 60 npm install --prefix $folder --silent --no-audit --no-fund --no-save --ignore-scripts --fetch-retries=1 \
    node-qemu@1.3.0 qemu-qmp@0.5.0 split@1.0.1 through@2.3.8 </dev/null >/dev/null
