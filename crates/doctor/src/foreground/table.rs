//! The rows: what the manuals of the daemons say. What could not be confirmed is not here.

use crate::foreground::{Daemon, Place};

type Words = &'static [&'static str];

/// It goes into the background unless one of `foreground` is there.
const fn goes(names: Words, foreground: Words, cure: &'static str) -> Daemon {
    let by_default = Place::Background;
    Daemon {
        names,
        by_default,
        foreground,
        background: &[],
        else_: &[],
        config: None,
        of_words: false,
        cure,
    }
}

/// It stays in the foreground unless one of `background` is there.
const fn stays(names: Words, background: Words, cure: &'static str) -> Daemon {
    let by_default = Place::Foreground;
    Daemon {
        names,
        by_default,
        foreground: &[],
        background,
        else_: &[],
        config: None,
        of_words: false,
        cure,
    }
}

impl Daemon {
    /// With one of these words it does something else.
    const fn but(self, else_: Words) -> Self {
        Self { else_, ..self }
    }

    /// These put it in the background, whatever it does by itself.
    const fn not(self, background: Words) -> Self {
        Self { background, ..self }
    }

    /// These keep it in the foreground.
    const fn with(self, foreground: Words) -> Self {
        Self { foreground, ..self }
    }

    /// Its flags are words.
    const fn of_words(self) -> Self {
        Self { of_words: true, ..self }
    }

    /// Its configuration decides as well.
    const fn or_config(self, word: &'static str) -> Self {
        Self { config: Some(word), ..self }
    }
}

/// Every daemon we know, by what it is for.
pub const TABLE: &[Daemon] = &[
    // Time.
    goes(&["ntpd"], &["-n", "-d", "--nofork"], "ntpd -n").but(&["-q", "--quit", "-V", "--version"]),
    goes(&["chronyd"], &["-n", "-d"], "chronyd -n").but(&["-q", "-Q", "-p", "-v", "--version"]),
    // The web.
    goes(&["nginx"], &["-g 'daemon off;'"], "nginx -g 'daemon off;'")
        .but(&["-t", "-T", "-v", "-V", "-s", "-h"])
        .or_config("daemon off;"),
    goes(
        &["httpd", "apache2"],
        &["-DFOREGROUND", "-D FOREGROUND", "-DNO_DETACH", "-D NO_DETACH", "-X"],
        "httpd -DFOREGROUND",
    )
    // busybox has an httpd too, and that one wants -f.
    .but(&["-t", "-S", "-v", "-V", "-l", "-L", "-M", "-f", "-F"])
    .not(&["-k start"]),
    stays(&["apachectl", "apache2ctl"], &["start"], "apachectl -DFOREGROUND"),
    goes(&["lighttpd"], &["-D"], "lighttpd -D -f lighttpd.conf").but(&["-t", "-v", "-V", "-p"]),
    goes(&["thttpd", "mini_httpd"], &["-D"], "thttpd -D").but(&["-V"]),
    goes(&["varnishd"], &["-F", "-d"], "varnishd -F").but(&["-C", "-V", "-x"]),
    stays(&["haproxy"], &["-D"], "haproxy -db -f haproxy.cfg")
        .with(&["-db"])
        .but(&["-c", "-v", "-vv"])
        .or_config("daemon"),
    goes(&["squid"], &["-N", "--foreground"], "squid -N").but(&["-k", "-z", "-v"]),
    goes(&["tinyproxy"], &["-d"], "tinyproxy -d").but(&["-h", "-v"]),
    goes(&["privoxy"], &["--no-daemon"], "privoxy --no-daemon").but(&["--version", "--help"]),
    stays(&["caddy"], &["start"], "caddy run"),
    goes(&["php-fpm"], &["-F", "--nodaemonize"], "php-fpm -F")
        .but(&["-t", "-i", "-m", "-v", "-h"])
        .not(&["-D", "--daemonize"])
        .or_config("daemonize = no"),
    stays(&["uwsgi"], &["-d", "--daemonize", "--daemonize2"], "uwsgi --ini uwsgi.ini")
        .or_config("daemonize"),
    stays(&["gunicorn"], &["-D", "--daemon"], "gunicorn app:app").or_config("daemon = True"),
    goes(&["twistd"], &["-n", "--nodaemon"], "twistd -n"),
    // Logins and the machine itself.
    goes(&["sshd"], &["-D", "-d", "-i"], "sshd -D -e").but(&["-t", "-T", "-G", "-V"]),
    goes(&["dropbear"], &["-F", "-i"], "dropbear -F -E").but(&["-V"]),
    goes(&["cron"], &["-f", "-n"], "cron -f"),
    goes(&["crond"], &["-f", "-n", "-d"], "crond -f").but(&["-V"]),
    goes(&["fcron"], &["-f", "--foreground"], "fcron -f").but(&["-V", "-h"]),
    goes(&["anacron"], &["-d"], "anacron -d").but(&["-u", "-T", "-V"]),
    goes(&["atd"], &["-f", "-d"], "atd -f").but(&["-s"]),
    stays(&["udevd", "systemd-udevd"], &["-d", "--daemon"], "udevd"),
    goes(&["acpid"], &["-f", "--foreground", "-d", "--debug"], "acpid -f").but(&["-v", "-h"]),
    goes(&["dbus-daemon"], &["--nofork"], "dbus-daemon --system --nofork")
        .but(&["--version", "--introspect", "--session", "--config-file"])
        .not(&["--fork"]),
    goes(&["irqbalance"], &["-f", "--foreground", "-d", "--debug"], "irqbalance --foreground")
        .but(&["-o", "--oneshot"]),
    goes(&["smartd"], &["-n", "--no-fork", "-d", "--debug"], "smartd -n").but(&[
        "-q",
        "-V",
        "--version",
        "-D",
    ]),
    stays(&["mdadm"], &["--daemonise", "--daemonize", "-f"], "mdadm --monitor --scan").but(&[
        "-A",
        "--assemble",
        "-C",
        "--create",
        "--manage",
        "--grow",
        "--stop",
    ]),
    goes(&["watchdog"], &["-F", "--foreground"], "watchdog -F"),
    goes(&["gpm"], &["-D"], "gpm -D -m /dev/input/mice -t imps2").but(&["-k", "-v", "-h"]),
    goes(&["lircd"], &["-n", "--nodaemon"], "lircd -n").but(&["-v", "-h"]),
    goes(&["auditd"], &["-n"], "auditd -n"),
    goes(&["nscd"], &["-F", "--foreground", "-d", "--debug"], "nscd -F").but(&[
        "-K",
        "--shutdown",
        "-g",
        "--statistics",
        "-i",
        "-V",
    ]),
    goes(&["automount"], &["-f", "--foreground"], "automount -f").but(&["-V", "-m"]),
    goes(&["pcscd"], &["-f", "--foreground"], "pcscd -f").but(&["-v", "-h"]),
    goes(&["haveged"], &["-F", "--Foreground"], "haveged -F").but(&["-h", "-n"]),
    goes(&["rngd"], &["-f", "--foreground"], "rngd -f").but(&["-l", "--list"]),
    goes(&["NetworkManager"], &["-n", "--no-daemon", "-d", "--debug"], "NetworkManager -n").but(&[
        "-V",
        "--version",
        "--print-config",
        "--configure-and-quit",
    ]),
    goes(&["cupsd"], &["-f", "-F"], "cupsd -f").but(&["-t", "-l", "-h"]),
    goes(&["supervisord"], &["-n", "--nodaemon"], "supervisord -n")
        .but(&["-v", "--version"])
        .or_config("nodaemon=true"),
    goes(&["monit"], &["-I"], "monit -I").but(&[
        "-t", "-V", "status", "summary", "start", "stop", "restart", "reload", "quit", "validate",
    ]),
    goes(
        &["fail2ban-server", "fail2ban-client"],
        &["-f", "--foreground"],
        "fail2ban-server -f start",
    )
    .but(&["status", "set", "get", "reload", "stop", "ping", "-t", "-V"]),
    // Logs.
    goes(&["rsyslogd"], &["-n"], "rsyslogd -n").but(&["-N", "-v"]),
    goes(&["syslog-ng"], &["-F", "--foreground"], "syslog-ng -F").but(&[
        "-s",
        "--syntax-only",
        "-V",
        "--version",
    ]),
    goes(
        &["syslogd"],
        &["-n", "-F", "--no-detach", "--foreground", "-d"],
        "syslogd -n # sysklogd 2: -F",
    )
    .but(&["-V", "-v"]),
    goes(&["klogd"], &["-n"], "klogd -n").but(&["-v", "-o"]),
    goes(&["collectd"], &["-f"], "collectd -f").but(&["-t", "-T", "-h"]),
    goes(&["snmpd", "snmptrapd"], &["-f"], "snmpd -f").but(&["-v", "-h", "-H"]),
    // Addresses and names.
    goes(&["dhcpd"], &["-f", "-d"], "dhcpd -f").but(&["-t", "-T", "--version"]),
    goes(&["dhclient"], &["-d"], "dhclient -d").but(&["-r", "-x", "--version"]),
    goes(&["dhcpcd"], &["-B", "--nobackground"], "dhcpcd -B")
        .but(&["-k", "--release", "-x", "--exit", "-n", "-T", "--test", "-U", "--dumplease"])
        .not(&["-b", "--background"]),
    goes(&["udhcpc"], &["-f", "--foreground"], "udhcpc -f").but(&["-q"]),
    goes(&["named"], &["-f", "-g"], "named -g").but(&["-v", "-V"]),
    goes(&["unbound"], &["-d"], "unbound -d").but(&["-h", "-V"]).or_config("do-daemonize: no"),
    goes(&["dnsmasq"], &["-k", "--keep-in-foreground", "-d", "--no-daemon"], "dnsmasq -k")
        .but(&["--test", "-v", "--version"])
        .or_config("keep-in-foreground"),
    stays(&["avahi-daemon"], &["-D", "--daemonize"], "avahi-daemon"),
    goes(&["lldpd"], &["-d"], "lldpd -d").but(&["-v", "-h"]),
    goes(&["inadyn"], &["-n", "--foreground"], "inadyn -n").but(&["-1", "--once", "-v"]),
    // Networks.
    stays(&["openvpn"], &["--daemon"], "openvpn --config openvpn.conf").or_config("daemon"),
    stays(&["wpa_supplicant"], &["-B"], "wpa_supplicant -i wlan0 -c wpa_supplicant.conf"),
    stays(&["hostapd"], &["-B"], "hostapd hostapd.conf"),
    goes(&["radvd"], &["-n", "--nodaemon"], "radvd -n").but(&["-c", "--configtest", "-v"]),
    goes(&["keepalived"], &["-n", "--dont-fork"], "keepalived -n").but(&["-v", "-t", "-h"]),
    goes(&["bird", "bird6"], &["-f", "-d"], "bird -f").but(&["-p", "--version"]),
    // Their siblings are not here: OpenBSD's of the same names take -d for the opposite.
    stays(&["zebra", "ripngd", "isisd"], &["-d", "--daemon"], "zebra"),
    goes(&["xl2tpd"], &["-D"], "xl2tpd -D").but(&["-v"]),
    goes(&["tincd"], &["-D", "--no-detach"], "tincd -D").but(&["-K", "-k", "--version"]),
    goes(&["pppd"], &["nodetach"], "pppd nodetach").or_config("nodetach"),
    stays(&["tor"], &["--RunAsDaemon 1"], "tor").or_config("RunAsDaemon 1"),
    stays(&["autossh"], &["-f"], "autossh -M 0 -N host"),
    goes(&["stunnel", "stunnel4"], &[], "stunnel stunnel.conf")
        .but(&["-help", "-version", "-sockets", "-options", "-fd", "-f"])
        .or_config("foreground = yes"),
    goes(&["inetd"], &["-i", "-f", "-d", "--debug"], "inetd -i # busybox: -f"),
    goes(&["xinetd"], &["-dontfork", "-d"], "xinetd -dontfork").but(&["-version"]),
    goes(&["rpcbind"], &["-f", "-d"], "rpcbind -f"),
    goes(&["rpc.statd", "rpc.mountd"], &["-F", "--foreground"], "rpc.statd -F")
        .but(&["-v", "-V", "-?", "-h"]),
    goes(&["radiusd", "freeradius"], &["-f", "-X"], "radiusd -f").but(&["-C", "-v", "-h"]),
    // Files.
    goes(&["smbd", "nmbd", "winbindd"], &["-F", "--foreground", "-i", "--interactive"], "smbd -F")
        .but(&["-b", "-V", "--version"]),
    stays(&["vsftpd"], &["-obackground=YES"], "vsftpd vsftpd.conf").or_config("background=YES"),
    goes(&["proftpd"], &["-n", "--nodaemon"], "proftpd -n").but(&["-t", "--configtest", "-v"]),
    stays(&["pure-ftpd"], &["-B", "--daemonize"], "pure-ftpd"),
    stays(&["rsync"], &["--daemon"], "rsync --daemon --no-detach").with(&["--no-detach"]),
    goes(&["transmission-daemon"], &["-f", "--foreground"], "transmission-daemon -f").but(&[
        "-d",
        "--dump-settings",
        "-V",
    ]),
    goes(&["distccd"], &["--no-detach", "--inetd"], "distccd --daemon --no-detach"),
    stays(&["svnserve"], &["-d", "--daemon"], "svnserve -d --foreground").with(&[
        "--foreground",
        "-X",
        "-i",
        "-t",
    ]),
    stays(&["icecast"], &["-b"], "icecast -c icecast.xml"),
    goes(&["mpd"], &["--no-daemon"], "mpd --no-daemon").but(&[
        "--kill",
        "--version",
        "--stdout",
        "--stderr",
        "--systemd",
    ]),
    goes(&["minidlnad"], &["-d", "-S"], "minidlnad -S").but(&["-V", "-h"]),
    // Mail.
    // Debugging keeps it where it is too.
    stays(&["exim", "exim4"], &["-bd"], "exim -bdf -q30m").with(&["-bdf", "-d", "-v"]).of_words(),
    stays(&["sendmail"], &["-bd"], "sendmail -bD -q30m").with(&["-bD"]),
    stays(&["postfix"], &["start"], "postfix start-fg").with(&["start-fg"]),
    goes(&["dovecot"], &["-F"], "dovecot -F").but(&["-a", "-n", "--version", "stop", "reload"]),
    goes(&["opendkim"], &["-f"], "opendkim -f").but(&["-n", "-V"]).or_config("Background no"),
    goes(&["opendmarc"], &["-f"], "opendmarc -f").but(&["-n", "-V"]).or_config("Background false"),
    stays(&["spamd"], &["-d", "--daemonize"], "spamd"),
    goes(&["clamd"], &["-F", "--foreground"], "clamd --foreground")
        .but(&["-V", "--version", "-h"])
        .or_config("Foreground yes"),
    stays(&["postgrey"], &["-d", "--daemonize"], "postgrey --inet=10023"),
    goes(&["saslauthd"], &["-d"], "saslauthd -d -a pam").but(&["-v", "-h"]),
    // Data.
    stays(&["redis-server", "valkey-server"], &["--daemonize yes"], "redis-server --daemonize no")
        .with(&["--daemonize no"])
        .or_config("daemonize yes"),
    stays(&["memcached"], &["-d", "--daemon"], "memcached"),
    stays(&["mysqld", "mariadbd"], &["--daemonize"], "mysqld"),
    stays(&["pg_ctl"], &["start"], "postgres -D DIRECTORY"),
    stays(&["mongod"], &["--fork"], "mongod").or_config("fork: true"),
    goes(&["slapd"], &["-d"], "slapd -d 0").but(&["-T", "-V"]),
    stays(&["mosquitto"], &["-d", "--daemon"], "mosquitto"),
    stays(&["rabbitmq-server"], &["-detached"], "rabbitmq-server"),
    stays(&["elasticsearch"], &["-d", "--daemonize"], "elasticsearch"),
    goes(&["zabbix_server", "zabbix_agentd"], &["-f", "--foreground"], "zabbix_agentd -f")
        .but(&["-p", "-t", "-R", "-V", "-h", "-T"]),
    stays(&["nagios"], &["-d", "--daemon"], "nagios nagios.cfg").but(&["-v"]),
    stays(&["salt-minion", "salt-master"], &["-d", "--daemon"], "salt-minion"),
    // Talk.
    goes(&["ngircd"], &["-n", "--nodaemon"], "ngircd -n").but(&["-t", "-V"]),
    goes(&["znc"], &["-f", "--foreground", "-D", "--debug"], "znc -f").but(&["-c", "-s", "-v"]),
    goes(&["murmurd", "mumble-server"], &["-fg"], "murmurd -fg").but(&["-supw", "-version"]),
    goes(&["asterisk"], &["-f", "-c", "-d", "-v", "-r", "-x"], "asterisk -f").but(&["-V", "-h"]),
    stays(&["x11vnc"], &["-bg"], "x11vnc -forever"),
];
