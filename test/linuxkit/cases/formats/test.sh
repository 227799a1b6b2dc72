#!/bin/sh
# SUMMARY: Several formats in one build, with flags in every spelling, twice the same bytes
set -e

NAME=formats

clean_up() {
  rm -rf ${NAME}* again
}
trap clean_up EXIT

linuxkit -q build --no-sbom=true --format=kernel+initrd -f tar-kernel-initrd,raw-efi --name=${NAME} test.yml
for file in ${NAME}-kernel ${NAME}-initrd.img ${NAME}-cmdline ${NAME}-initrd.tar ${NAME}-efi.img; do
  [ -f "${file}" ] || exit 1
done
mkdir again
linuxkit build -v 0 --no-sbom --dir again --name ${NAME} -f raw-efi test.yml
cmp ${NAME}-efi.img again/${NAME}-efi.img
! linuxkit build --format nonsense test.yml
linuxkit version | grep -q '^linuxkit version '
exit 0
