//! What the first word of a command tells: the shell's own, soon over, or here to stay.

use crate::foreground::{self, base};

/// What the shell does itself.
const OF_SHELL: &[&str] = &[
    ".", ":", "[", "[[", "alias", "bg", "break", "cd", "command", "continue", "declare", "dirs",
    "disown", "echo", "enable", "eval", "exec", "exit", "export", "false", "fg", "getopts", "hash",
    "jobs", "kill", "let", "local", "popd", "printf", "pushd", "pwd", "read", "readonly", "return",
    "set", "shift", "shopt", "source", "test", "times", "trap", "true", "type", "typeset",
    "ulimit", "umask", "unalias", "unset", "wait",
];

/// What does its work and ends.
const SOON_OVER: &[&str] = &[
    "awk",
    "basename",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "dirname",
    "dmesg",
    "expr",
    "find",
    "grep",
    "hostname",
    "id",
    "ifconfig",
    "install",
    "ip",
    "iptables",
    "ln",
    "logger",
    "ls",
    "mail",
    "mkdir",
    "mkfifo",
    "mknod",
    "modprobe",
    "mount",
    "mv",
    "nft",
    "pgrep",
    "pkill",
    "killall",
    "rm",
    "rmdir",
    "route",
    "sed",
    "seq",
    "sleep",
    "sort",
    "stty",
    "sv",
    "svc",
    "svok",
    "svstat",
    "sync",
    "sysctl",
    "tar",
    "tee",
    "touch",
    "tr",
    "umount",
    "uname",
    "which",
    "xargs",
    "loginctl",
    "dbus-uuidgen",
    "ssh-keygen",
];

/// What stays, though no daemon of the table.
const STAYS: &[&str] = &[
    "multilog",
    "svlogd",
    "s6-log",
    "cyclog",
    "tinylog",
    "tcpserver",
    "sslserver",
    "s6-tcpserver",
    "dnscache",
    "tinydns",
    "walldns",
    "rbldns",
    "axfrdns",
    "qmail-send",
    "qmail-start",
    "svscan",
    "supervise",
    "runsvdir",
    "java",
    "node",
    "agetty",
    "getty",
    "mingetty",
];

/// Whether the shell does it itself.
pub(super) fn is_of_shell(name: &str) -> bool {
    OF_SHELL.contains(&name)
}

/// Whether it does its work and ends.
pub(super) fn is_soon_over(name: &str) -> bool {
    SOON_OVER.contains(&base(name))
}

/// Whether it surely is a program that stays.
pub(super) fn surely_stays(name: &str) -> bool {
    let name = base(name);
    STAYS.contains(&name) || foreground::look_up(name).is_some()
}
