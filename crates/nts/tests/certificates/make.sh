#!/bin/sh
# Throw-away certificates with fixed dates, for tests: an authority that nobody has the key of any
# more, three certificates of localhost with one key, and one of that key that is an authority's.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
cat >"$work/cnf" <<END
[ca]
default_ca=d
[d]
database=$work/index
serial=$work/serial
new_certs_dir=$work
policy=p
default_md=sha256
unique_subject=no
[p]
commonName=supplied
[req]
distinguished_name=p
[root]
basicConstraints=critical,CA:TRUE
subjectKeyIdentifier=hash
[leaf]
basicConstraints=CA:FALSE
subjectAltName=DNS:localhost,IP:127.0.0.1
[both]
basicConstraints=CA:TRUE
subjectAltName=DNS:localhost,IP:127.0.0.1
END
: >"$work/index"
echo 01 >"$work/serial"

# sign REQUEST NAME FROM TO EXTENSIONS [-selfsign]
sign() {
	openssl ca -batch -notext -config "$work/cnf" -keyfile "$work/ca.key" -in "$1" -out "$2.pem" \
		-startdate "$3" -enddate "$4" -extensions "$5" ${6:--cert ca.pem}
}

# shellcheck disable=SC2086 # several words
openssl req -new $curve -keyout "$work/ca.key" -out "$work/ca.csr" -config "$work/cnf" \
	-subj "/CN=throw-away authority"
sign "$work/ca.csr" ca 20200101000000Z 20991231000000Z root -selfsign
# shellcheck disable=SC2086 # several words
openssl req -new $curve -keyout s.key -out "$work/s.csr" -config "$work/cnf" -subj /CN=localhost
chmod 644 s.key # it is nobody's secret
sign "$work/s.csr" good 20260101000000Z 20991231000000Z leaf
sign "$work/s.csr" early 20290101000000Z 20991231000000Z leaf
sign "$work/s.csr" expired 20260101000000Z 20261101000000Z leaf
sign "$work/s.csr" authority 20260101000000Z 20991231000000Z both
