# ntpd begins on a machine without a hardware clock and without a network: it sets the clock forward
# to the last time that was good, and stays. Then somebody else changes the clock's frequency, and
# is found out.
service ntp <<-'END'
	#!/bin/sh
	exec 2>&1
	exec ntpd -g -f /tmp/ntp/drift --socket ./socket --after-step ./after -p 127.0.0.1:1123
END
logger ntp
good=1795305600
printf 'time %s\naddress a.example 127.0.0.2\n' $good >/tmp/ntp/drift.last
printf '#!/bin/sh\necho "$NTPD_OFFSET" >/tmp/after\n' >/tmp/ntp/after
chmod +x /tmp/ntp/after
date -s @3600 >/dev/null
svscan_begins
link ntp

log=/tmp/ntp/log/main/current
pid_of() { svstat "/service/$1" | sed -n 's/.*(pid \([0-9]*\)).*/\1/p'; }
soon "the clock is set forward" says $log "it is set forward to that"
now=$(date +%s)
check "to the last time that was good: $now" [ "$now" -ge $good ]
check "and no farther" [ "$now" -le $((good + 120)) ]
soon "programs are told" [ -s /tmp/after ]
check "in the log as well" says $log "event=step offset=+17953"
soon "nobody answers, and that is said" says $log "no server answers"
ntpd=$(pid_of ntp)
ntpctl -s /tmp/ntp/socket >/run/asked
check "ntpctl says so by its exit code" [ $? = 1 ]
show /run/asked
check "and in a word" says /run/asked "no-answer"

adjtimex -f 655360 >/dev/null || fail "adjtimex"
soon "whoever steers this clock too is told of" says $log "from +0.000 ppm to +10.000 ppm"
ntpctl -s /tmp/ntp/socket >/run/asked
check "ntpctl knows as well" says /run/asked "somebody else steers"
/bin/sh -c 'printf chronyd >/proc/$$/comm; while :; do sleep 100; done' &
rival=$!
named() {
	adjtimex -f $((655360 + $(date +%s) % 1000 * 100)) >/dev/null
	says $log "chronyd (pid "
}
soon "and named, where it is known" named
kill $rival
check "ntpd is still the same" [ "$(pid_of ntp)" = "$ntpd" ]
svc -d /service/ntp
# Its directory is root's, so the socket stays; nobody is behind it.
alone() {
	ntpctl -s /tmp/ntp/socket >/dev/null 2>/run/asked
	[ $? = 111 ]
}
soon "told to end, it listens no more" alone
show /run/asked
svc -u /service/ntp
answers() {
	ntpctl -s /tmp/ntp/socket >/run/asked
	[ $? = 1 ]
}
soon "begun again, it takes its place" answers
show $log
