/// Run scripts that are right, as people write them. A name that ends in `/log` is a logger.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("plain", "#!/bin/sh\nexec 2>&1\nexec ntpd -n -g -c ./ntp.conf\n"),
    ("loader", "#!/bin/sh\nexec 2>&1\nexec setuidgid chrony chronyd -d\n"),
    (
        "qmail-send",
        "#!/bin/sh\nexec 2>&1\nexec env - PATH=\"/var/qmail/bin:$PATH\" \\\nqmail-start \"`cat \
         /var/qmail/control/defaultdelivery`\"\n",
    ),
    (
        "qmail-smtpd",
        "#!/bin/sh\nQMAILDUID=`id -u qmaild`\nNOFILESGID=`id -g qmaild`\nMAXSMTPD=`cat \
         /var/qmail/control/concurrencyincoming`\nLOCAL=`head -1 /var/qmail/control/me`\n\nif [ -z \
         \"$QMAILDUID\" -o -z \"$LOCAL\" ]; then\n    echo QMAILDUID or LOCAL is unset in\n    exit \
         1\nfi\n\nexec /usr/local/bin/softlimit -m 9000000 \\\n    /usr/local/bin/tcpserver -v -R -l \
         \"$LOCAL\" -x /etc/tcp.smtp.cdb -c \"$MAXSMTPD\" \\\n        -u \"$QMAILDUID\" -g \
         \"$NOFILESGID\" 0 smtp /var/qmail/bin/qmail-smtpd 2>&1\n",
    ),
    (
        "dnscache",
        "#!/bin/sh\nexec 2>&1\nexec <seed\nexec envdir ./env sh -c '\n  exec envuidgid Gdnscache \
         softlimit -o250 -d \"$DATALIMIT\" /usr/local/bin/dnscache\n'\n",
    ),
    (
        "tinydns",
        "#!/bin/sh\nexec 2>&1\nexec envuidgid Gtinydns envdir ./env softlimit -d300000 \
         /usr/local/bin/tinydns\n",
    ),
    (
        "axfrdns",
        "#!/bin/sh\nexec 2>&1\nexec envdir ./env sh -c '\n  exec envuidgid Gaxfrdns softlimit \
         -d300000 tcpserver -vDRHl0 -x tcp.cdb -- \"$IP\" 53 axfrdns\n'\n",
    ),
    ("dns/log", "#!/bin/sh\nexec setuidgid Gdnslog multilog t ./main\n"),
    ("patterns/log", "#!/bin/sh\nexec multilog t s1000000 n10 '-*' '+*fatal: *' ./main\n"),
    ("svlogd/log", "#!/bin/sh\n[ -d main ] || mkdir main\nexec chpst -u log svlogd -tt ./main\n"),
    ("vlogger/log", "#!/bin/sh\nexec vlogger -t sshd -p daemon\n"),
    (
        "sshd",
        "#!/bin/sh\nexec 2>&1\nssh-keygen -A >/dev/null 2>&1 # generate host keys if they don't \
         exist\n[ -r conf ] && . ./conf\nexec /usr/sbin/sshd -D $OPTS\n",
    ),
    (
        "nginx",
        "#!/bin/sh\nexec 2>&1\n[ -r conf ] && . ./conf\n# try for a working configuration, log if \
         errors\nnginx -t $OPTS || exit 1\nexec nginx -g 'daemon off;' $OPTS\n",
    ),
    (
        "dbus",
        "#!/bin/sh\nexec 2>&1\n[ ! -d /run/dbus ] && install -m755 -g 22 -o 22 -d \
         /run/dbus\nexec dbus-daemon --system --nofork --nopidfile\n",
    ),
    (
        "wpa",
        "#!/bin/sh\nexec 2>&1\n[ -r ./conf ] && . ./conf\n: ${CONF_FILE:=/etc/wpa.conf}\n\nif [ -n \
         \"$WPA_INTERFACE\" ]; then\n\texec wpa_supplicant -c $CONF_FILE -i $WPA_INTERFACE \
         ${OPTS:=-s}\nfi\nexec wpa_supplicant -s -i wlan0 -Dnl80211 -c /etc/B.conf\n",
    ),
    (
        "wait for another",
        "#!/bin/sh\nexec 2>&1\nsv check dbus >/dev/null || exit 1\nexec NetworkManager -n\n",
    ),
    (
        "agetty",
        "#!/bin/sh\n\ntty=${PWD##*-}\n\nif [ -x /sbin/getty -o -x /bin/getty ]; then\n\t# \
         busybox\n\tGETTY=getty\nelif [ -x /sbin/agetty -o -x /bin/agetty ]; then\n\t# \
         util-linux\n\tGETTY=agetty\nfi\n\nexec setsid -w ${GETTY} ${GETTY_ARGS} \"${tty}\" 2>&1\n",
    ),
    (
        "php",
        "#!/bin/sh\nexec 2>&1\nmkdir -p /run/php\nexec php-fpm8.2 --nodaemonize --fpm-config \
         /etc/php/8.2/fpm/php-fpm.conf\n",
    ),
    (
        "apache",
        "#!/bin/bash\nexec 2>&1\nset -a\n. /etc/apache2/envvars\nset +a\n[[ -d $APACHE_RUN_DIR && -n \
         $X ]] || mkdir -p \"$APACHE_RUN_DIR\"\nexec apache2 -D FOREGROUND\n",
    ),
    (
        "postgres",
        "#!/bin/sh\nexec 2>&1\nPGDATA=/var/lib/postgresql\nif [ ! -d \"$PGDATA\" ]; then\n  \
         chpst -u postgres initdb -D \"$PGDATA\" || exit 1\nfi\nexec chpst -u postgres:postgres \
         postgres -D \"$PGDATA\"\n",
    ),
    (
        "case",
        "#!/bin/sh\nexec 2>&1\ncase \"$(uname -m)\" in\n  x86*|i?86) arch=intel ;;\n  (arm*) arch=arm \
         ;;\n  *) arch=other;;\nesac\nexec ./server --arch \"$arch\"\n",
    ),
    (
        "trap",
        "#!/bin/sh\nexec 2>&1\ntrap 'kill \"$child\"' TERM\n./server &\nchild=$!\nwait \
         \"$child\"\n",
    ),
    (
        "something beside it",
        "#!/bin/sh\nexec 2>&1\n(sleep 5; ./warm-up) &\nexec memcached -m 64 -u nobody\n",
    ),
    (
        "loop",
        "#!/bin/sh\nexec 2>&1\nwhile sleep 60; do\n  ./collect || echo 'collect: failed'\ndone\n",
    ),
    (
        "until",
        "#!/bin/sh\nexec 2>&1\nuntil ping -c 1 gateway >/dev/null 2>&1; do sleep 1; done\nexec \
         openvpn --config office.conf\n",
    ),
    ("pipe", "#!/bin/sh\nexec 2>&1\n./server 2>&1 | grep -v noise\n"),
    (
        "here",
        "#!/bin/sh\nexec 2>&1\ncat >conf <<END\nntpd &\nnginx\nEND\ncat <<-'X'\n\tcron &\n\tX\nexec \
         ./server conf\n",
    ),
    ("function", "#!/bin/sh\nexec 2>&1\nstart() {\n  exec ./server \"$@\"\n}\nstart --verbose\n"),
    ("fghack", "#!/bin/sh\nexec 2>&1\nexec fghack /usr/sbin/inetd\n"),
    ("options", "#!/bin/sh\nexec 2>&1\n. /etc/default/ntp\nexec ntpd $NTPD_OPTS\n"),
    ("oneshot", "#!/bin/sh\nexec 2>&1\nsysctl -w vm.swappiness=10\nexec sv down .\n"),
    ("once", "#!/bin/sh\nexec 2>&1\nmount -a\ntouch /run/mounted\n"),
    ("redis", "#!/bin/sh\nexec 2>&1\nexec redis-server /etc/redis.conf --daemonize no\n"),
    ("rsync", "#!/bin/sh\nexec 2>&1\nexec rsync --daemon --no-detach --config=./rsyncd.conf\n"),
    ("exim", "#!/bin/sh\nexec 2>&1\nexec exim -bdf -q15m\n"),
    ("postfix", "#!/bin/sh\nexec 2>&1\nexec postfix start-fg\n"),
    ("busybox", "#!/bin/sh\nexec 2>&1\nexec busybox ntpd -n -p pool.ntp.org\n"),
    ("busybox httpd", "#!/bin/sh\nexec 2>&1\nexec httpd -f -p 8080 -h /www\n"),
    ("exec or", "#!/bin/sh\nexec 2>&1\nexec chronyd -n || exit 1\n"),
    ("python", "#!/bin/sh\nexec 2>&1\nexec python3 -u -m http.server 8080\n"),
    ("cluster", "#!/bin/sh\nexec 2>&1\nexec ntpd -gn\n"),
    ("braces", "#!/bin/sh\n{ echo starting; date; } >&2\nexec 2>&1\nexec slapd -d 0 -h ldap:///\n"),
];
