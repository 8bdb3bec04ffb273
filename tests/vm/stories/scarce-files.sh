# Files: those of the whole system (fs.file-max), which bind everybody but root.
cat >/run/eater <<-'END'
	#!/bin/busybox ash
	fd=20
	while [ $fd -lt 320 ]; do
		eval "exec $fd</dev/null"
		fd=$((fd + 1))
	done
	exec sleep 200000
END
chmod +x /run/eater
eat() {
	/theirs/setuidgid "$EATER" /run/eater &
	soon "somebody holds many files" sleepers 200000
	echo 300 >/proc/sys/fs/file-max
}
exhausted() {
	! /theirs/setuidgid user /bin/ls / >/dev/null 2>&1 || return 1
	[ "$WHO" = root ] || says /run/svscan.said "unable to start later/run: "
}
come_to_an_end() {
	echo 10000 >/proc/sys/fs/file-max
	kill $sleepers
}
