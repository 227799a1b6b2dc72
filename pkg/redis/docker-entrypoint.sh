#!/bin/sh
# Starts redis-server as the user redis, reachable from other hosts unless its options say otherwise.
set -eu

case "${1:-}" in
'' | -* | *.conf) set -- redis-server "$@" ;;
esac
[ "${1##*/}" = redis-server ] || exec "$@"

shift
# A configuration file comes first; options after ours replace them.
configuration=
case "${1:-}" in
'' | -*) ;;
*)
	configuration=$1
	shift
	;;
esac
set -- ${configuration:+"$configuration"} --protected-mode no "$@"

if [ "$(id -u)" != 0 ]; then
	exec redis-server "$@"
fi
find . \! -user redis -exec chown redis:redis {} +
umask 0077
exec start-stop-daemon -S -q -c redis:redis -x /usr/bin/redis-server -- "$@"
