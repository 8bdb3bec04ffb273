# svscan as process 1 finds no scan directory: it waits for one.
service late <<-'END'
	#!/bin/sh
	echo start >/run/late
	exec sleep 100000
END
for second in 1 2 3; do pause; done
mkdir /later
ln -s /tmp/late /later/late
kill -HUP 1
soon "a service runs once there is one" [ -e /run/late ]
pause
kill -TERM 1
while :; do pause; done
