#!/bin/sh
# SUMMARY: A read-only volume cannot be bound for writing, and nothing is left of the build
set -e

NAME=volumes

clean_up() {
  rm -rf ${NAME}*
}
trap clean_up EXIT

! linuxkit build --format tar --name "${NAME}" test.yml 2> "${NAME}.log"
cat "${NAME}.log"
grep -q '^Error: ' "${NAME}.log"
[ ! -e "${NAME}.tar" ] || exit 1
exit 0
