#!/bin/sh
if [ -d /proc/1 ]; then
  printf "Boot test suite PASSED\n"
else
  printf "Boot test suite FAILED\n"
fi
