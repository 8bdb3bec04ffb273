# Fork bombs in more services than have their share of all processes: all together leave room for an
# operator, and end when they are told to.
echo 300 >/proc/sys/kernel/threads-max
for name in a b c d e f g h; do
	service $name <<-'END'
		#!/bin/busybox ash
		while :; do
			sleep 300000 &
		done 2>/dev/null
	END
	link $name
done
svscan_begins
services=/sys/fs/cgroup/keepup.services
budget() { [ "$(cat $services/pids.max 2>/dev/null)" = 240 ]; }
soon "all services together have a budget" budget
refused() {
	for events in $services/*/pids.events; do
		says $events "max 0" || return 0
	done
	return 1
}
soon "somebody is refused a fork" refused
for second in 1 2 3 4 5; do pause; done
used=$(cat $services/pids.current)
check "they stay within it: $used of 240" [ "$used" -le 240 ]
check "there is room for a command" ls /
for name in a b c d e f g h; do svc -d /service/$name; done
none() { [ "$(cat $services/pids.current)" = 0 ]; }
soon "nobody of them is left" none
kill $svscan
gone() { [ ! -d $services ]; }
soon "the group goes with svscan" gone
