#!/bin/sh
# SUMMARY: A build takes what has not changed from an earlier tar, and says so
set -e

NAME=input-tar
LOGFILE=${NAME}.log

clean_up() {
  rm -rf ${NAME}*
}
trap clean_up EXIT

linuxkit build --format tar --o "${NAME}-1.tar" test1.yml
linuxkit build --format tar --input-tar "${NAME}-1.tar" --o "${NAME}-2.tar" test2.yml 2> "${LOGFILE}"
cat "${LOGFILE}"
for unchanged in 'init\[0\]' 'init\[1\]' 'onboot\[0\]'; do
  grep -q "Copy ${unchanged}" "${LOGFILE}"
done
if grep -q 'Copy services\[0\]' "${LOGFILE}"; then
  echo "took a service that changed"
  exit 1
fi
# The same name for both must be refused, and the file stay.
if linuxkit build --format tar --input-tar "${NAME}-1.tar" --o "${NAME}-1.tar" test2.yml; then
  exit 1
fi
linuxkit build --format tar --o "${NAME}-3.tar" test2.yml
cmp "${NAME}-2.tar" "${NAME}-3.tar"
exit 0
