# The clock is set by years, forwards and back, while services run, are paused, are waiting to be
# started, are ending: nothing is started, nothing is killed, and svstat's seconds stay right.
service steady <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100000
END
logger steady
service paused <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100001
END
service flapping <<-'END'
	#!/bin/sh
	echo start >>starts
	exit 1
END
# Ignores TERM; to be killed after half an hour and not sooner.
service ending <<-'END'
	#!/bin/sh
	echo start >>starts
	trap '' TERM
	while :; do sleep 1000; done
END
echo 30m >/tmp/ending/timeout-kill
service down <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100002
END
touch /tmp/down/down
for name in steady paused flapping ending down; do link $name; done
svscan_begins

starts() { if [ -e "/tmp/$1/starts" ]; then wc -l <"/tmp/$1/starts"; else echo 0; fi; }
pid_of() { svstat "/service/$1" | sed -n 's/.*(pid \([0-9]*\)).*/\1/p'; }
seconds_of() { svstat "/service/$1" | sed -n 's/.* \([0-9]*\) seconds.*/\1/p'; }
uptime_now() { read -r now rest </proc/uptime && echo "${now%.*}"; }
flaps() { [ "$(starts flapping)" -ge 8 ]; }

for name in steady paused ending; do
	soon "$name is started" [ -e /tmp/$name/starts ]
done
svc -p /service/paused
svc -d /service/ending
# From here on there are long pauses between two starts.
soon "flapping is held back" flaps
began=$(uptime_now)
for name in steady paused ending down; do
	eval "pid_$name=\$(pid_of $name) seconds_$name=\$(seconds_of $name)"
done

# near A B: not more than three seconds apart.
near() { [ $(($1 - $2)) -le 3 ] && [ $(($2 - $1)) -le 3 ]; }

look_around() {
	for name in steady paused ending down; do
		eval "pid=\$pid_$name seconds=\$seconds_$name"
		seconds=$((seconds + $(uptime_now) - began))
		[ "$(pid_of $name)" = "$pid" ] || fail "$1: $name has another pid"
		for suite in /theirs /ours; do
			said=$(seconds_of $name)
			near "${said:--1}" $seconds ||
				fail "$1: $suite/svstat says $name $said seconds, it is $seconds"
		done
	done
	for name in steady paused ending; do
		[ "$(starts $name)" = 1 ] || fail "$1: $name was started again"
	done
	[ "$(starts down)" = 0 ] || fail "$1: down was started"
	case $(svstat /service/paused) in
	*paused*) ;;
	*) fail "$1: paused goes on" ;;
	esac
	# Held back for a minute at most, and never twice in one.
	flapped=$(($(starts flapping) - flaps_before))
	[ $flapped -le 1 ] || fail "$1: flapping was started $flapped times in 20 s"
	check "$1: all is as it was" [ -z "$failed" ]
}

set_clock() {
	flaps_before=$(starts flapping)
	date -s "@$1" >/dev/null || fail "the clock cannot be set to $1"
	pause
	pause
	look_around "$2"
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do pause; done
	look_around "$2, and 20 seconds"
}
set_clock $(($(date +%s) + 30 * 365 * 86400)) "30 years forwards"
set_clock $(($(date +%s) - 4 * 3600)) "4 hours back"
set_clock 3600 "back to 1970"
set_clock $((2147483647 + 10)) "beyond 2038"
set_clock $((4085978496 - 12)) "into NTP's next era"

check "nobody was killed" not says /run/svscan.said killed
grep -v "svscan: warning: flapping: ended" /run/svscan.said >/run/needless
check "svscan says nothing needless: $(cat /run/needless)" [ ! -s /run/needless ]
flaps_before=$(starts flapping)
more_flaps() { [ "$(starts flapping)" -gt "$flaps_before" ]; }
for second in 1 2 3 4 5; do pause; done
soon "flapping goes on at its pace" more_flaps
svc -t /service/steady
again() { [ "$(starts steady)" = 2 ]; }
soon "steady is started again when it ends" again
svc -c /service/paused
svc -u /service/down
soon "down comes up" [ -e /tmp/down/starts ]
echo a line | tai64n >/run/line
check "stamps are of the time that was set" [ "$(cut -c2-9 /run/line)" = 40000000 ]
