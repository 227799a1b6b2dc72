#!/bin/sh
# `make demo`: builds the seed's redis-os out of Debian packages, boots it in a virtual machine, and talks to its
# Redis through Orlop's own network. KEEP=1 leaves the machine running.
set -eu
cd "$(dirname "$0")/.."
orlop=$PWD/orlop
work=$PWD/.work/demo
name=${NAME:-redis-os-demo}
port=${PORT:-6379}
mkdir -p "$work"

now() { date +%s.%N; }
begin=$(now)
step() {
	printf '\n\033[1m== %s\033[0m\n' "$1"
	started=$(now)
}
done_in() { printf '   (%.1f s)\n' "$(echo "$(now) $started" | awk '{print $1 - $2}')"; }

step "what this machine needs"
sh tools/host-packages.sh demo
"$orlop" version
done_in

# Another program on the port would answer in Redis's place.
while bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; do port=$((port + 1)); done

step "orlop pkg build: the components, out of Debian packages"
"$orlop" pkg build pkg/kernel pkg/init pkg/crun pkg/containerd pkg/dhcpcd pkg/getty pkg/redis
done_in

step "orlop build: the seed's redis-os.yml as it stands"
"$orlop" build --substitutions examples/substitutions.yml --dir "$work" examples/linuxkit/redis-os.yml
done_in

cleanup() {
	"$orlop" stop "$name" >/dev/null 2>&1 || true
	"$orlop" rm "$name" >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cleanup

step "orlop run: boots it"
"$orlop" run --detached --name "$name" --publish "$port:6379" "$work/redis-os"
pong() { [ "$(timeout 5 redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; }
waited=0
until pong; do
	waited=$((waited + 1))
	if [ $waited -gt 600 ]; then
		echo "Redis does not answer; the console's last lines:" >&2
		"$orlop" logs "$name" | tail -30 >&2
		exit 1
	fi
	sleep 0.1
done
done_in

step "Redis, over Orlop's own network"
ask() {
	printf '   redis> %s\n' "$*"
	answer=$(redis-cli -h 127.0.0.1 -p "$port" "$@")
	printf '   %s\n' "$answer"
}
ask PING
[ "$answer" = PONG ]
ask SET orlop "the lowest deck"
[ "$answer" = OK ]
ask GET orlop
[ "$answer" = "the lowest deck" ]
redis-cli -h 127.0.0.1 -p "$port" INFO server | tr -d '\r' | grep -E '^(redis_version|os):' | sed 's/^/   /'
done_in

if [ "${KEEP:-}" = 1 ]; then
	trap - EXIT
	printf '\nThe machine goes on. Talk to it, look at it, and end it:\n'
	printf '   redis-cli -p %s\n   ./orlop ps\n   ./orlop console %s\n   ./orlop stop %s && ./orlop rm %s\n' "$port" "$name" "$name" "$name"
	exit 0
fi

step "orlop stop: powers it off"
"$orlop" stop "$name"
done_in
printf '\nall of it in %.1f s\n' "$(echo "$(now) $begin" | awk '{print $1 - $2}')"
