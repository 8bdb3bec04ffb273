# Pids: processes that wait, as many as there can be.
cat >/run/eater <<-'END'
	#!/bin/busybox ash
	# It gives back nothing: when there is no more, it becomes one of them.
	trap 'exec sleep 200000' EXIT
	while :; do sleep 200000 & done
END
chmod +x /run/eater
eat() {
	limit_pids 30
	/theirs/setuidgid "$EATER" /run/eater 2>/run/eater.said &
	soon "somebody takes all pids" says /run/eater.said fork
}
exhausted() { says /run/svscan.said "unable to fork for later: temporary failure"; }
come_to_an_end() {
	echo 32768 >/proc/sys/kernel/pid_max
	sleepers 200000
	kill $sleepers
}
