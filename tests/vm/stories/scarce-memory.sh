# Memory: the kernel kills the largest, and again when there is another one.
eat() {
	(
		while [ -e /run/hungry ]; do
			/theirs/setuidgid "$EATER" tail /dev/zero
			echo again >>/run/eaten
			sleep 3
		done
	) 2>/dev/null &
	eaten() { [ "$(wc -l </run/eaten)" -ge 2 ]; }
	soon "memory has run out twice" eaten
}
touch /run/hungry /run/eaten
exhausted() { dmesg | grep -q "Out of memory: Killed process"; }
come_to_an_end() {
	rm /run/hungry
	count tail
	kill $pids
}
