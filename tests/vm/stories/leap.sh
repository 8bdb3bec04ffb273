# A leap second before 2027, as a table announces it: ntpd tells the kernel in time, the kernel puts
# it in, and ntpd goes on as if nothing had happened. The reference serves the clock itself, so it
# has the leap second as well.
cat >/tmp/leap-seconds.list <<-'END'
	#$ 3960057600
	#@ 4070908800
	3692217600 37
	4007750400 38
	#h 7115ebfa dd850951 4756b0dd 2703f4ff be74b54
END
reference=127.0.0.1:1123
cat >/tmp/ntp.conf <<-END
	server $reference iburst minpoll 3 maxpoll 3
	leapfile /tmp/leap-seconds.list
END
# Forty seconds before the new year.
date -s @1798761560 >/dev/null
ntpd --observe --serve $reference 2>/run/reference.said &
soon "the reference is there" says /run/reference.said "serving"
service ntp <<-'END'
	#!/bin/sh
	exec 2>&1
	exec ntpd -c /tmp/ntp.conf -f /tmp/ntp/drift
END
logger ntp
svscan_begins
link ntp
log=/tmp/ntp/log/main/current
soon "ntpd is content" says $log "synchronised to $reference"
soon "it announces the leap second" says $log "a leap second is put in at the end of the day"
announced() { adjtimex | grep -q "status:.*INS"; }
soon "the kernel knows" announced
soon "it is made" says $log "a leap second was put in"
made() { dmesg | grep -q "inserting leap second 23:59:60"; }
check "by the kernel" made
check "the kernel forgets it" not announced
sleep 60
check "nobody has moved the clock" not says $log "by somebody else"
check "nothing was stepped" not says $log "clock stepped"
check "it was made once" [ "$(grep -c "a leap second was put in" $log)" = 1 ]
check "it is still content" says $log "synchronised to $reference"
show $log
