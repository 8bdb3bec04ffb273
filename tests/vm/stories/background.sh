# The same daemon on keepup, with the same limits: there is one of it, the machine stays usable,
# svc -d stops it, and the log says what happened.
log_in user 17
log_in root 18
daemon_is_there
svscan_begins
pause
limit_files 300
limit_pids 100
link daemon

copies() {
	count daemon-sleep
	[ "$counted" = "$1" ]
}
soon "the daemon is there" copies 1
for second in 1 2 3 4 5; do pause; done
copies 1
first=$pids
wrong=
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	pause
	look
	copies 1 || wrong="$wrong $counted"
done
check "it is there once, each second:$wrong" [ -z "$wrong" ]
check "it is the same one all the time" [ "$pids" = "$first" ]
looks
check "a user's ls works each second: $fine" [ "$fine" = 30 ]
check "and never fails" [ ! -s /run/user.failed ]

said() { says /run/svscan.said "$1" || says /tmp/daemon/log/main/current "$1"; }
check "the log says why" said background

svc -d /service/daemon
soon "svc -d leaves none of it" copies 0
for second in 1 2 3 4 5; do pause; done
check "and none comes back" copies 0
svc -u /service/daemon
soon "svc -u brings it back" copies 1
