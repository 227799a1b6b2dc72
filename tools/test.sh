#!/bin/sh
# `make test`: everything, on a machine where nothing was installed by hand. Ends with `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."
sh tools/host-packages.sh test
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --silent
	touch node_modules/.package-lock.json
fi
# Outside the checkout's user state: tests neither see nor change what the user keeps in ~/.orlop.
ORLOP_HOME="${ORLOP_HOME:-$PWD/.work/home}"
export ORLOP_HOME
exec node tools/gate.mjs --speed pure --speed adapter --speed product "$@"
