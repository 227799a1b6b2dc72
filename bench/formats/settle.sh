#!/bin/sh
# The same state of the machine before every run that is timed: `settle.sh FOLDER MEBIBYTES [INPUT]`.
# Nothing waits to be written; the input is in the cache; and as much memory as the output will take was used a moment
# ago: a virtual machine's host takes free memory back within seconds, and gives 4 GB again in 8 s.
set -eu
folder=$1 mebibytes=$2 input=${3:-}
if [ -d "$input" ]; then tar -cf - -C "$input" . | cat >/dev/null; elif [ -n "$input" ]; then cat "$input" >/dev/null; fi
dd if=/dev/zero of="$folder/scratch" bs=1M count="$mebibytes" 2>/dev/null
sync -f "$folder"
rm "$folder/scratch"
