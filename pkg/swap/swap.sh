#!/bin/sh
# Makes a file of a size, prepares it as swap space, and turns it on; a file that is there already is used again.
set -u
usage='usage: swap.sh --path FILE --size SIZE[K|M|G] [--condition part:MOUNTPOINT[:SIZE]] [--encrypt] [--cipher NAME] [--keysize BITS] [--debug]'

die() {
	echo "swap: $*" >&2
	exit 1
}

# Bytes of a size such as 512M.
bytes() {
	number=${1%[KMGkmg]}
	case "$number" in '' | *[!0-9]*) die "$1 is no size: a number, and K, M or G" ;; esac
	case "$1" in
	*[Kk]) echo $((number << 10)) ;;
	*[Mm]) echo $((number << 20)) ;;
	*[Gg]) echo $((number << 30)) ;;
	*) echo "$number" ;;
	esac
}

path='' size='' conditions='' encrypt=no cipher=aes-xts-plain64 keysize=256
while [ $# -gt 0 ]; do
	case "$1" in
	--encrypt) encrypt=yes ;;
	--debug) set -x ;;
	--path | --size | --condition | --cipher | --keysize)
		[ $# -gt 1 ] || die "$usage"
		case "$1" in
		--path) path=$2 ;;
		--size) size=$2 ;;
		--condition) conditions="$conditions $2" ;;
		--cipher) cipher=$2 ;;
		--keysize) keysize=$2 ;;
		esac
		shift
		;;
	*) die "$usage" ;;
	esac
	shift
done
[ -n "$path" ] && [ -n "$size" ] || die "$usage"
case "$path" in /*) ;; *) die "--path $path must be absolute" ;; esac
wanted=$(bytes "$size") || exit 1

for condition in $conditions; do
	case "$condition" in part:/*) ;; *) die "--condition $condition must be part:MOUNTPOINT[:SIZE]" ;; esac
	rest=${condition#part:}
	mountpoint=${rest%%:*}
	if ! grep -q " $mountpoint " /proc/mounts; then
		echo "swap: nothing is mounted on $mountpoint, so there is no swap space"
		exit 0
	fi
	case "$rest" in *:*)
		least=$(bytes "${rest#*:}") || exit 1
		# The space of the file system, in blocks of 1024 bytes.
		space=$(df -k -P "$mountpoint" | awk 'NR == 2 { print $2 * 1024 }')
		if [ "${space%.*}" -lt "$least" ]; then
			echo "swap: $mountpoint is smaller than ${rest#*:}, so there is no swap space"
			exit 0
		fi
		;;
	esac
done

mkdir -p "${path%/*}" || die "${path%/*} cannot be made"
if [ "$(stat -c %s "$path" 2>/dev/null)" != "$wanted" ]; then
	umask 0177
	# Every block must be there: the kernel refuses files with holes.
	rm -f "$path"
	if ! fallocate -l "$wanted" "$path" 2>/dev/null; then
		dd if=/dev/zero of="$path" bs=65536 count=$((wanted / 65536)) 2>/dev/null || {
			rm -f "$path"
			die "there is no room for $size at $path"
		}
	fi
	[ "$encrypt" = yes ] || mkswap "$path" >/dev/null || die "$path cannot be prepared"
fi

device=$path
if [ "$encrypt" = yes ]; then
	loop=$(losetup -f) && losetup "$loop" "$path" || die 'there is no loop device'
	# A new key at each start, which nobody knows: what was swapped out cannot be read afterwards.
	cryptsetup open --type plain --cipher "$cipher" --key-size "$keysize" --key-file /dev/urandom "$loop" swap ||
		die 'the swap space cannot be encrypted'
	device=/dev/mapper/swap
	mkswap "$device" >/dev/null || die "$device cannot be prepared"
fi
swapon "$device" || die "$device cannot be turned on"
echo "swap: $size at $path${encrypt:+, encryption: $encrypt}"
