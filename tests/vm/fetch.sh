#!/bin/sh
# Fetches what the test `vm` makes its machines of: qemu, a Debian kernel, busybox, dash, and
# daemontools. Nothing is installed: the packages are unpacked where the test looks for them, in
# KEEPUP_VM, else target/vm. It needs apt-get and dpkg, and no privileges.
#   usage: fetch.sh
set -eu

KERNEL=linux-image-cloud-amd64
PROGRAMS="qemu-system-x86 busybox-static dash daemontools"

cd "$(dirname "$0")/../.."
dir=${KEEPUP_VM:-target/vm}
if [ -e "$dir/complete" ]; then
	exit 0
fi
rm -rf "$dir/packages" "$dir/root" # of a fetch that was cut short
mkdir -p "$dir/packages/partial" "$dir/root"
dir=$(cd "$dir" && pwd)

# apt_get ARG...: as anybody, with an archive of its own.
apt_get() {
	apt-get -q -y -o Debug::NoLocking=1 -o Dir::Cache::archives="$dir/packages" "$@" </dev/null
}

download() {
	kernel=$(apt-cache depends "$KERNEL" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
	[ -n "$kernel" ] || return 1
	(cd "$dir/packages" && apt_get download "$kernel") || return 1
	# shellcheck disable=SC2086 # they are several
	apt_get install --no-install-recommends --download-only --reinstall $PROGRAMS
}

if ! download >"$dir/log" 2>&1; then
	# The lists of packages are too old, or there are none.
	if [ "$(id -u)" != 0 ] || ! apt-get update -q >>"$dir/log" 2>&1 || ! download >>"$dir/log" 2>&1
	then
		cat "$dir/log" >&2
		echo "fetch.sh: fatal: unable to download $KERNEL $PROGRAMS" >&2
		exit 111
	fi
fi
for package in "$dir"/packages/*.deb; do
	dpkg -x "$package" "$dir/root"
done
rm -r "$dir/packages"
touch "$dir/complete"
