# Somebody else sets the clock (date -s) under an ntpd that keeps it: ntpd says so in one sentence,
# brings the clock back however far it was moved, and takes none of it for drift. Then an observer
# is alone with a clock that is set: it says so as well, and calls the clock wrong while it is.
reference_begins
time_is_right
right() { within -1 1; }
# moved BY: the clock is set, from whatever it is now.
moved() {
	echo "-- date -s, $1 s from now"
	date -s "@$(($(date +%s) + $1))" >/dev/null || fail "the clock cannot be set"
}

service ntp <<-END
	#!/bin/sh
	exec 2>&1
	exec ntpd -f /tmp/ntp/drift --socket ./socket -p $reference
END
logger ntp
service observer <<-END
	#!/bin/sh
	exec 2>&1
	exec ntpd --observe --socket ./socket -p $reference
END
logger observer
svscan_begins
link ntp
log=/tmp/ntp/log/main/current
pid_of() { svstat "/service/$1" | sed -n 's/.*(pid \([0-9]*\)).*/\1/p'; }
content() { ntpctl -s "/tmp/$1/socket" >/run/asked 2>&1; }
# The kernel's frequency, in units of 1/65536 ppm.
frequency() { adjtimex | sed -n 's/.*freq[^:]*: *\(-\{0,1\}[0-9]*\).*/\1/p'; }
soon "ntpd is content" says $log "synchronised to $reference"
ntpd=$(pid_of ntp)
sleep 3700
before=$(frequency)
echo "frequency: $before"
check "nobody has moved the clock so far" not says $log "by somebody else"

# noticed TIMES: so many sentences, and as many steps of ntpd's own.
noticed() {
	[ "$(grep -c "the clock was moved by .* by somebody else" $log)" = "$1" ] &&
		[ "$(grep -c "event=step" $log)" = "$1" ]
}
times=0
for by in 7 -7 -100000 100000000; do
	times=$((times + 1))
	moved $by
	soon "$by s are noticed, and the clock is stepped" noticed $times
	soon "the clock is right" right
	soon "ntpd is content" content ntp
	# Until as much may be said and asked as before.
	sleep 1000
	check "that was all" noticed $times
	check "the clock stays right" right
done
after=$(frequency)
echo "frequency: $after"
check "less than a ppm of it was taken for drift" \
	[ $((after - before)) -lt 65536 -a $((before - after)) -lt 65536 ]
check "ntpd is still the same" [ "$(pid_of ntp)" = "$ntpd" ]
show $log

svc -d /service/ntp
link observer
log=/tmp/observer/log/main/current
soon "the observer is content" says $log "synchronised to $reference"
soon "ntpctl as well" content observer
moved 100
soon "the observer notices" says $log "the clock was moved by +"
soon "and says what is wrong" says $log " s fast, and nothing sets it"
check "so does ntpctl" not content observer
check "in a word" says /run/asked "wrong"
check "the clock was not touched" within 98 102
svc -u /service/ntp
soon "ntpd, begun again, sets the clock right" right
soon "the observer is content again" content observer
check "it was moved twice, by date and by ntpd" [ "$(grep -c "by somebody else" $log)" = 2 ]
show $log
