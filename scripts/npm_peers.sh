#!/bin/sh
# Install clients for Node that others wrote, for the tests; unless QMPEER_INSTALL=no.
# With "inspector": the inspector of the Model Context Protocol, in build/npm-inspector. Otherwise clients of QMP, in
# build/npm.
set -eu
cd "$(dirname "$0")/.."

if [ "${1-}" = inspector ]; then
    folder=build/npm-inspector there=@modelcontextprotocol/inspector-cli
    packages=@modelcontextprotocol/inspector-cli@0.15.0 seconds=180
else
    folder=build/npm there=qemu-qmp
    packages='node-qemu@1.3.0 qemu-qmp@0.5.0 split@1.0.1 through@2.3.8' seconds=60
fi
[ -d $folder/node_modules/$there ] && exit 0
[ "${QMPEER_INSTALL-}" != no ] || exit 0
command -v node >/dev/null && command -v npm >/dev/null || exit 0
mkdir -p $folder
# Several packages are several words.
# shellcheck disable=SC2086
timeout $seconds npm install --prefix $folder --silent --no-audit --no-fund --no-save --ignore-scripts --fetch-retries=1 \
    $packages </dev/null >/dev/null
