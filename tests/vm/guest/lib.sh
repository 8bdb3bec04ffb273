#!/bin/busybox ash
# What the stories share; read by init before each. ash, because its read can wait (there may be no
# pid left for a sleep) and its descriptors may have two digits. Where nothing is left, a story uses
# what is built into ash only: a fork that fails would be the end of it.

suite=/ours
failed=

PATH=/ours:/bin
# Builtins of ash come before files: these names are the suite's.
svc() { $suite/svc "$@"; }
svok() { $suite/svok "$@"; }
svstat() { $suite/svstat "$@"; }

# The verdict, and the end of the machine. exec, for nothing may be left to fork with.
verdict() {
	if [ -z "$failed" ]; then
		echo "VERDICT ok"
	else
		echo "VERDICT fail"
		show /run/svscan.said
	fi
	exec /bin/poweroff -f
}

fail() {
	failed=yes
	echo "FAIL: $*"
}

# check SENTENCE COMMAND...: the command must be true.
check() {
	sentence=$1
	shift
	if "$@"; then echo "ok: $sentence"; else fail "$sentence ($*)"; fi
}

# show FILE: its lines on the console, by builtins.
show() {
	echo "-- $1"
	while IFS= read -r shown; do echo "   $shown"; done <"$1"
}

# pause: a second, by builtins.
mkfifo /run/never
exec 19<>/run/never
pause() { read -r -t 1 nothing <&19; }

# soon SENTENCE COMMAND...: the command must be true within two and a half minutes: on a busy host
# ntpd's first answers may be lost, and it asks again after 64 s. Nothing is waited for as long when
# something has failed already: it may well have been the cause.
soon() {
	sentence=$1
	shift
	soon_left=150
	[ -z "$failed" ] || soon_left=15
	until "$@"; do
		soon_left=$((soon_left - 1))
		if [ "$soon_left" -le 0 ]; then
			fail "$sentence, in time ($*)"
			return
		fi
		pause
	done
	echo "ok: $sentence"
}

not() { ! "$@"; }

# says FILE TEXT: a line of the file has the text; by builtins.
says() {
	[ -e "$1" ] || return 1
	while IFS= read -r said; do
		case $said in *"$2"*) return 0 ;; esac
	done <"$1"
	return 1
}

# count NAME: how many processes of that name live, zombies not counted. Sets $counted and $pids. By
# builtins; ash reads a byte at a time, so it looks at what is short first.
count() {
	counted=0 pids=
	for comm in /proc/[0-9]*/comm; do
		read -r name <"$comm" || continue
		[ "$name" = "$1" ] || continue
		read -r pid name state rest <"${comm%comm}stat" || continue
		[ "$state" = Z ] || counted=$((counted + 1)) pids="$pids $pid"
	done 2>/dev/null
}

# sleepers SECONDS: who sleeps so long, in $sleepers; by builtins. True if there is anybody.
sleepers() {
	sleepers=
	for cmdline in /proc/[0-9]*/cmdline; do
		# The NULs between the words are lost.
		line=
		read -r line <"$cmdline"
		cmdline=${cmdline%/cmdline}
		[ "$line" != "sleep$1" ] || sleepers="$sleepers ${cmdline#/proc/}"
	done 2>/dev/null
	[ -n "$sleepers" ]
}

# svscan, unless it is process 1: the suite's, as $WHO if that is set, with $svscan for its pid.
svscan_begins() {
	svscan=1
	[ "${PROCESS_ONE:-}" != ours ] || return 0
	PATH=$suite:/bin ${WHO:+/theirs/setuidgid "$WHO"} $suite/svscan /service 2>/run/svscan.said &
	svscan=$!
}

# service NAME: a service directory in /tmp with the run script on standard input.
service() {
	mkdir -p "/tmp/$1"
	cat >"/tmp/$1/run"
	chmod +x "/tmp/$1/run"
}

# logger NAME: multilog for the service, in /tmp/NAME/log/main.
logger() {
	service "$1/log" <<-END
		#!/bin/sh
		exec multilog t ./main
	END
}

# link NAME: into the scan directory.
link() { ln -s "/tmp/$1" "/service/$1"; }

# log_in NAME DESCRIPTOR: a shell somebody has logged in to, which outlives a fork that fails.
# What is written to the descriptor it does; its output is /run/NAME.out and /run/NAME.err.
log_in() {
	mkfifo "/run/$1.in"
	eval "exec $2<>/run/$1.in"
	/theirs/setuidgid "$1" /bin/sh -i <"/run/$1.in" >"/run/$1.out" 2>"/run/$1.err" \
		3>"/run/$1.failed" &
}

# look: the user's ls, once. Each adds a byte to /run/user.out where it went well, else one to
# /run/user.failed.
look() {
	echo 'r=; ls / >/dev/null && r=fine' >&17
	echo 'if [ "$r" ]; then echo; else echo >&3; fi' >&17
}

# looks: how many looks came to an end, in $fine; those that did not are in /run/user.failed.
looks() {
	fine=0
	while read -r came; do fine=$((fine + 1)); done </run/user.out
}

# limit_files MORE, limit_pids MORE: so many more than are in use now.
limit_files() {
	read -r used rest </proc/sys/fs/file-nr
	echo $((used + $1)) >/proc/sys/fs/file-max
}
# Once the counter has passed 300 the kernel gives pids from 300 up.
limit_pids() {
	until [ "${last_pid:-0}" -ge 300 ]; do
		/bin/true &
		last_pid=$!
		wait $last_pid
	done
	above=0
	for stat in /proc/[3-9][0-9][0-9]; do above=$((above + 1)); done
	echo $((300 + above + $1)) >/proc/sys/kernel/pid_max
}

# The daemon that backgrounds itself, as a program: /tmp/backgrounds. It forks, leads a session of
# its own, forks again, closes all, keeps or clears its environment, and opens files of its own, as
# a time service does for each interface. Its name is daemon-sleep.
daemon_is_there() {
	cat >/tmp/backgrounds <<-END
		#!/bin/busybox ash
		case \${1:-} in
		'') /bin/busybox setsid /bin/busybox ash /tmp/backgrounds session & ;;
		session) /bin/busybox ash /tmp/backgrounds rest & ;;
		rest)
			cd /
			exec <&- >&- 2>&-
			exec </dev/null >/dev/null 2>/dev/null
			exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null 8</dev/null
			[ "$ENVIRONMENT" = kept ] || exec env -i /bin/daemon-sleep 100000
			exec /bin/daemon-sleep 100000
			;;
		esac
		exit 0
	END
	chmod +x /tmp/backgrounds
	service daemon <<-END
		#!/bin/sh
		exec 2>&1
		exec /tmp/backgrounds
	END
	logger daemon
}

# A time server in this machine, with a clock of its own: at $reference.
reference_begins() {
	reference=127.0.0.1:1123
	ntpd --observe --serve $reference --serve-offset=0 2>/run/reference.said &
	soon "the reference is there" says /run/reference.said "serving"
}

# The clock is right now; what it should say from now on is told by one that nobody sets.
time_is_right() {
	read -r up rest </proc/uptime
	base=$(($(date +%s) - ${up%.*}))
}

# within LEAST MOST: by so many seconds the clock is ahead of what it should say.
within() {
	read -r up rest </proc/uptime
	off=$(($(date +%s) - base - ${up%.*}))
	[ $off -ge "$1" ] && [ $off -le "$2" ]
}
