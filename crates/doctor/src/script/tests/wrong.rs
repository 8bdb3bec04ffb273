/// Run scripts that are wrong, and what is said of each.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    (
        "#!/bin/sh\nexec 2>&1\nntpd -g\n",
        "line 3: starts ntpd without -n: it will put itself in the background; write: exec ntpd -n",
    ),
    (
        "#!/bin/sh\nexec /usr/sbin/ntpd -g -c /etc/ntp.conf\n",
        "line 2: starts ntpd without -n: it will put itself in the background; write: exec ntpd -n",
    ),
    (
        "exec setuidgid ntp softlimit -m 99999999 \\\n  openntpd\nexec /usr/sbin/cron\n",
        "line 3: starts cron without -f: it will put itself in the background; write: exec cron -f",
    ),
    (
        "exec envdir ./env sshd -e\n",
        "line 1: starts sshd without -D: it will put itself in the background; write: exec sshd -D \
         -e",
    ),
    (
        "mkdir -p /run/x\nexec nginx\n",
        "line 2: note: starts nginx without -g 'daemon off;': it will put itself in the \
         background, unless its configuration says \"daemon off;\"; write: exec nginx -g \
         'daemon off;'",
    ),
    (
        "exec memcached -d -m 64\n",
        "line 1: starts memcached with -d: it will put itself in the background; write: exec \
         memcached",
    ),
    (
        "exec wpa_supplicant -B -i wlan0 -c conf\n",
        "line 1: starts wpa_supplicant with -B: it will put itself in the background; write: exec \
         wpa_supplicant -i wlan0 -c wpa_supplicant.conf",
    ),
    (
        "exec redis-server --port 7 --daemonize yes\n",
        "line 1: starts redis-server with --daemonize yes: it will put itself in the background; \
         write: exec redis-server --daemonize no",
    ),
    (
        "exec postfix start\n",
        "line 1: starts postfix with start: it will put itself in the background; write: exec \
         postfix start-fg",
    ),
    (
        "if [ -f a ]; then\n  exec dnscache\nelse\n  exec unbound-anchor || exec rsyslogd\nfi\n",
        "line 4: starts rsyslogd without -n: it will put itself in the background; write: exec \
         rsyslogd -n",
    ),
    (
        "exec php-fpm8.2 --daemonize\n",
        "line 1: starts php-fpm8.2 with --daemonize: it will put itself in the background; write: \
         exec php-fpm8.2 -F",
    ),
    (
        "exec rsync --daemon\n",
        "line 1: starts rsync with --daemon: it will put itself in the background; write: exec \
         rsync --daemon --no-detach",
    ),
    (
        "exec stunnel /etc/stunnel.conf\n",
        "line 1: note: starts stunnel: it will put itself in the background, unless its \
         configuration says \"foreground = yes\"",
    ),
    (
        "exec busybox crond -l 8\n",
        "line 1: starts crond without -f: it will put itself in the background; write: exec crond \
         -f",
    ),
    (
        "#!/bin/sh\nexec 2>&1\n./server &\n",
        "line 3: the & puts server in the background and the script ends; take the & away and \
         write: exec server",
    ),
    (
        "nohup ./server >log 2>&1 &\necho started\n",
        "line 1: the & puts server in the background and the script ends; take the & away and \
         write: exec server",
    ),
    (
        "if true; then\n  setsid sleep 9 &\nelse\n  (trap '' HUP && exec sleep 9) &\nfi\necho $!\n",
        "line 2: the & puts sleep in the background and the script ends; take the & away and \
         write: exec sleep",
    ),
    (
        "(cd /srv && ./server) &\n",
        "line 1: the & puts it in the background and the script ends; take the & away and write: \
         exec PROGRAM",
    ),
    (
        "exec setsid ./server\n",
        "line 1: setsid starts server as a process of its own and ends; take setsid away: each \
         service has a session of its own",
    ),
    (
        "setsid -f ./server\n",
        "line 1: setsid starts server as a process of its own and ends; take setsid away: each \
         service has a session of its own",
    ),
    (
        "setsid ./server\n",
        "line 1: setsid takes server out of the session of its service; take setsid away: each \
         service has a session of its own",
    ),
    (
        "exec nohup ./server\n",
        "line 1: note: nohup keeps svc -h from reaching the program; take it away: a service has \
         no terminal",
    ),
    (
        "exec start-stop-daemon --start --background --exec /usr/bin/server\n",
        "line 1: start-stop-daemon puts what it starts in the background; start the program \
         itself, with exec",
    ),
    (
        "start-stop-daemon -Sbx /usr/bin/server\n",
        "line 1: start-stop-daemon puts what it starts in the background; start the program \
         itself, with exec",
    ),
    (
        "daemon --name=server -- ./server\n",
        "line 1: daemon puts what it starts in the background; start the program itself, with exec",
    ),
    (
        "exec daemonize /usr/bin/server\n",
        "line 1: daemonize puts what it starts in the background; start the program itself, with \
         exec",
    ),
    (
        "/etc/init.d/ntp start\n",
        "line 1: /etc/init.d/ntp puts what it starts in the background and ends; start the program \
         itself, in the foreground, with exec",
    ),
    (
        "exec service ntp start\n",
        "line 1: service has it started elsewhere and ends; start the program itself, in the \
         foreground, with exec",
    ),
    (
        "systemctl start ntp\n",
        "line 1: systemctl has it started elsewhere and ends; start the program itself, in the \
         foreground, with exec",
    ),
    (
        "exec su - joe -c './server --port 80'\n",
        "line 1: su stays between supervise and the program, and svc signals su only; write: exec \
         setuidgid joe PROGRAM",
    ),
    (
        "su -s /bin/sh -c 'exec ./server' joe\n",
        "line 1: su stays between supervise and the program, and svc signals su only; write: exec \
         setuidgid joe PROGRAM",
    ),
    (
        "exec sudo -u joe ./server\n",
        "line 1: note: sudo stays between supervise and the program; write: exec setuidgid USER \
         ...",
    ),
    (
        "multilog t ./main\n",
        "line 1: starts multilog without exec: svc would signal the shell and not multilog; write: \
         exec multilog",
    ),
    (
        "exec 2>&1\nsetuidgid joe ./server --port 80 # comment\n",
        "line 2: starts server without exec: svc would signal the shell and not server; write: \
         exec setuidgid",
    ),
    (
        "exec 2>&1\nntpd -n \\\n  -g\n",
        "line 2: starts ntpd without exec: svc would signal the shell and not ntpd; write: exec \
         ntpd",
    ),
    (
        "./server --port 80\n",
        "line 1: note: starts server without exec: svc would signal the shell and not server; \
         write: exec ./server",
    ),
    (
        "exec 2>&1\nsleep 100\n",
        "line 2: note: starts sleep without exec: svc would signal the shell and not sleep; write: \
         exec sleep",
    ),
    (
        "backup\nsleep 1h 30m\n",
        "line 2: note: starts sleep without exec: svc would signal the shell and not sleep; write: \
         exec sleep",
    ),
    (
        "tcpserver 0 80 ./http || exit 1\nmemcached -u joe\n",
        "line 2: starts memcached without exec: svc would signal the shell and not memcached; \
         write: exec memcached",
    ),
];
