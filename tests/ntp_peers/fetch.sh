#!/bin/sh
# Unpacks Debian's chronyd and ntpsec into a directory, for tests/ntp_peers. Nothing is installed:
# a package's scripts would start a service that sets the clock.
#   tests/ntp_peers/fetch.sh [directory]       (else target/ntp-peers)
set -eu
cd "$(dirname "$0")/../.."
to=${1:-target/ntp-peers}
[ ! -e "$to/complete" ] || exit 0
mkdir -p "$to/packages"
to=$(cd "$to" && pwd)
libraries=$(apt-cache depends chrony ntpsec | sed -n 's/^ *Depends: \(lib.*\)/\1/p' | sort -u)
if [ "$(id -u)" = 0 ]; then
	# shellcheck disable=SC2086 # several words
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $libraries
fi
(cd "$to/packages" && apt-get download -q chrony ntpsec)
for package in "$to"/packages/*.deb; do
	dpkg -x "$package" "$to"
done
"$to/usr/sbin/chronyd" --version
"$to/usr/sbin/ntpd" --version
touch "$to/complete"
