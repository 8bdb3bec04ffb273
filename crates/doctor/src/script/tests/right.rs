/// Run scripts that are right, as people write them. A name that ends in `/log` is a logger.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    (
        "plain",
        r"#!/bin/sh
exec 2>&1
exec ntpd -n -g -c ./ntp.conf
",
    ),
    (
        "loader",
        r"#!/bin/sh
exec 2>&1
exec setuidgid chrony chronyd -d
",
    ),
    (
        "qmail-send",
        r#"#!/bin/sh
exec 2>&1
mailbox=`cat ./mailbox`
exec env - PATH="/var/qmail/bin:$PATH" \
  qmail-start "$mailbox"
"#,
    ),
    (
        "qmail-smtpd",
        r#"#!/bin/sh
exec 2>&1
uid=`id -u smtp` gid=`id -g smtp`
[ -n "$uid" ] || { echo "there is no user smtp"; exit 111; }

exec softlimit -m 12000000 \
  tcpserver -HRv -l `cat ./me` -x ./rules.cdb -c 40 \
    -u "$uid" -g "$gid" 0 25 /var/qmail/bin/qmail-smtpd
"#,
    ),
    (
        "dnscache",
        r#"#!/bin/sh
exec 2>&1 <seed
exec envdir ./env sh -c '
  exec envuidgid cache softlimit -o 250 -d "$LIMIT" dnscache
'
"#,
    ),
    (
        "tinydns",
        r"#!/bin/sh
exec 2>&1
exec envuidgid dns envdir ./env softlimit -d300000 tinydns
",
    ),
    (
        "axfrdns",
        r#"#!/bin/sh
exec 2>&1
exec envdir ./env sh -c 'exec envuidgid dns tcpserver -DHRl0 -x tcp.cdb -- "$IP" 53 axfrdns'
"#,
    ),
    (
        "dns/log",
        r"#!/bin/sh
exec setuidgid Gdnslog multilog t ./main
",
    ),
    (
        "patterns/log",
        r"#!/bin/sh
exec multilog t s1000000 n10 '-*' '+*fatal: *' ./main
",
    ),
    (
        "svlogd/log",
        r"#!/bin/sh
[ -d main ] || mkdir main
exec chpst -u log svlogd -tt ./main
",
    ),
    (
        "vlogger/log",
        r"#!/bin/sh
exec vlogger -t sshd -p daemon
",
    ),
    (
        "sshd",
        r"#!/bin/sh
exec 2>&1
ssh-keygen -A >/dev/null # makes what keys are missing
test ! -r ./conf || . ./conf
exec sshd -D -e $SSHD_OPTIONS
",
    ),
    (
        "nginx",
        r"#!/bin/sh
exec 2>&1
nginx -t -c ./nginx.conf || exit 1
exec nginx -c ./nginx.conf -g 'daemon off;'
",
    ),
    (
        "dbus",
        r"#!/bin/sh
exec 2>&1
[ -d /run/dbus ] || install -d -m 755 -o messagebus /run/dbus
exec dbus-daemon --system --nofork --nopidfile
",
    ),
    (
        "wpa",
        r#"#!/bin/sh
exec 2>&1
test -r ./conf && . ./conf
: "${DRIVER:=nl80211}"
if [ -n "$INTERFACE" ]; then
	exec wpa_supplicant -s -D "$DRIVER" -i "$INTERFACE" -c ./wpa.conf
fi
exec wpa_supplicant -s -i wlan0 -Dnl80211 -c /etc/B.conf
"#,
    ),
    (
        "wait for another",
        r"#!/bin/sh
exec 2>&1
sv check dbus >/dev/null || exit 1
exec NetworkManager -n
",
    ),
    (
        "agetty",
        r#"#!/bin/sh
line=${PWD##*/}
if [ -x /sbin/agetty ]; then
	getty=agetty
elif [ -x /bin/busybox ]; then
	getty="busybox getty"
fi
exec setsid -w $getty 115200 "$line" 2>&1
"#,
    ),
    (
        "php",
        r"#!/bin/sh
exec 2>&1
mkdir -p /run/php
exec php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/php-fpm.conf
",
    ),
    (
        "apache",
        r#"#!/bin/bash
exec 2>&1
set -a
. /etc/apache2/envvars
set +a
[[ -d $APACHE_RUN_DIR && -n $X ]] || mkdir -p "$APACHE_RUN_DIR"
exec apache2 -D FOREGROUND
"#,
    ),
    (
        "postgres",
        r#"#!/bin/sh
exec 2>&1
PGDATA=/var/lib/postgresql
if [ ! -d "$PGDATA" ]; then
  chpst -u postgres initdb -D "$PGDATA" || exit 1
fi
exec chpst -u postgres:postgres postgres -D "$PGDATA"
"#,
    ),
    (
        "case",
        r#"#!/bin/sh
exec 2>&1
case "$(uname -m)" in
  x86*|i?86) arch=intel ;;
  (arm*) arch=arm ;;
  *) arch=other;;
esac
exec ./server --arch "$arch"
"#,
    ),
    (
        "trap",
        r#"#!/bin/sh
exec 2>&1
trap 'kill "$child"' TERM
./server &
child=$!
wait "$child"
"#,
    ),
    (
        "something beside it",
        r"#!/bin/sh
exec 2>&1
(sleep 5; ./warm-up) &
exec memcached -m 64 -u nobody
",
    ),
    (
        "loop",
        r"#!/bin/sh
exec 2>&1
while sleep 60; do
  ./collect || echo 'collect: failed'
done
",
    ),
    (
        "until",
        r"#!/bin/sh
exec 2>&1
until ping -c 1 gateway >/dev/null 2>&1; do sleep 1; done
exec openvpn --config office.conf
",
    ),
    (
        "pipe",
        r"#!/bin/sh
exec 2>&1
./server 2>&1 | grep -v noise
",
    ),
    (
        "here",
        r"#!/bin/sh
exec 2>&1
cat >conf <<END
ntpd &
nginx
END
cat <<-'X'
	cron &
	X
exec ./server conf
",
    ),
    (
        "function",
        r#"#!/bin/sh
exec 2>&1
start() {
  exec ./server "$@"
}
start --verbose
"#,
    ),
    (
        "fghack",
        r"#!/bin/sh
exec 2>&1
exec fghack /usr/sbin/inetd
",
    ),
    (
        "options",
        r"#!/bin/sh
exec 2>&1
. /etc/default/ntp
exec ntpd $NTPD_OPTS
",
    ),
    (
        "oneshot",
        r"#!/bin/sh
exec 2>&1
sysctl -w vm.swappiness=10
exec sv down .
",
    ),
    (
        "once",
        r"#!/bin/sh
exec 2>&1
mount -a
touch /run/mounted
",
    ),
    (
        "redis",
        r"#!/bin/sh
exec 2>&1
exec redis-server /etc/redis.conf --daemonize no
",
    ),
    (
        "rsync",
        r"#!/bin/sh
exec 2>&1
exec rsync --daemon --no-detach --config=./rsyncd.conf
",
    ),
    (
        "exim",
        r"#!/bin/sh
exec 2>&1
exec exim -bdf -q15m
",
    ),
    (
        "exim that debugs",
        r"#!/bin/sh
exec 2>&1
exec exim4 -bd -d -q30m $OPTIONS
",
    ),
    (
        "postfix",
        r"#!/bin/sh
exec 2>&1
exec postfix start-fg
",
    ),
    (
        "busybox",
        r"#!/bin/sh
exec 2>&1
exec busybox ntpd -n -p pool.ntp.org
",
    ),
    (
        "busybox httpd",
        r"#!/bin/sh
exec 2>&1
exec httpd -f -p 8080 -h /www
",
    ),
    (
        "exec or",
        r"#!/bin/sh
exec 2>&1
exec chronyd -n || exit 1
",
    ),
    (
        "python",
        r"#!/bin/sh
exec 2>&1
exec python3 -u -m http.server 8080
",
    ),
    (
        "cluster",
        r"#!/bin/sh
exec 2>&1
exec ntpd -gn
",
    ),
    (
        "braces",
        r"#!/bin/sh
{ echo starting; date; } >&2
exec 2>&1
exec slapd -d 0 -h ldap:///
",
    ),
];
