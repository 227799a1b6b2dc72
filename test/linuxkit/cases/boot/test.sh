#!/bin/sh
# SUMMARY: Build an image and boot it under QEMU, with its ports on the host
set -e

NAME=boot

clean_up() {
  rm -rf ${NAME}*
}
trap clean_up EXIT

linuxkit build --format kernel+initrd --name "${NAME}" test.yml
[ -f "${NAME}-kernel" ] || exit 1
[ -f "${NAME}-initrd.img" ] || exit 1
[ -f "${NAME}-cmdline" ] || exit 1
RESULT="$(linuxkit run qemu --accel tcg --mem 512 --disk file="${NAME}.disk",size=16M --publish "${PORT:-28080}":80 --state "${NAME}-state" "${NAME}")"
echo "${RESULT}"
echo "${RESULT}" | grep -q "suite PASSED"
exit 0
