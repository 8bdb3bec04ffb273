# A disk that is full, and has room again: multilog loses no line, a service is controlled all the
# time, and svstat is right in the end. The lines are more than a pipe holds that multilog has made
# roomier.
mkdir /tmp/small
mount -t tmpfs -o size=1m,nr_inodes=200 small /tmp/small
mkdir /tmp/small/logs
fill() { dd if=/dev/zero of=/tmp/small/filler bs=4k >/dev/null 2>&1; }

service chatty <<-'END'
	#!/bin/sh
	line=0
	while [ $line -lt 11000 ]; do
		line=$((line + 1))
		echo "line $line of many thousands"
		[ $line != 500 ] || until [ -e /run/full ]; do sleep 0.1; done
	done
	echo all >/run/all-said
	exec sleep 100000
END
service chatty/log <<-'END'
	#!/bin/sh
	exec multilog t s65536 n10 /tmp/small/logs
END
# Its directory is on the full disk, and so is its status.
service on_disk <<-'END'
	#!/bin/sh
	echo start >>/run/starts
	exec sleep 100001
END
mv /tmp/on_disk /tmp/small/on_disk
ln -s /tmp/small/on_disk /service/on_disk
link chatty
svscan_begins

soon "lines are logged" says /tmp/small/logs/current "line 500 "
soon "a service runs there" [ -s /run/starts ]
fill
check "the disk is full" [ "$(df /tmp/small | awk 'END { print $4 }')" = 0 ]
touch /run/full
refused="multilog: warning: unable to write to /tmp/small/logs/current"
soon "the logger says so" says /run/svscan.said "$refused"
for second in 1 2 3 4 5 6 7 8 9 10; do pause; done
check "it says so once" [ "$(grep -c "$refused" /run/svscan.said)" = 1 ]
state() { case $(svstat "/service/$1") in *"$2"*) ;; *) return 1 ;; esac; }
check "the service that logs is up" state chatty ": up (pid"
check "and waits" not says /run/all-said all

svc -d /service/on_disk
soon "a service on the full disk is stopped" not sleepers 100001
unwritten="on_disk/supervise/status.new"
check "svscan says that its status is not right" says /run/svscan.said $unwritten

rm /tmp/small/filler
soon "all lines are taken when there is room again" [ -e /run/all-said ]
soon "svstat is right when there is room again" state on_disk ": down "
soon "the last line is written" says /tmp/small/logs/current "line 11000 "
svc -u /service/on_disk
soon "the service comes up again" state on_disk ": up (pid"
cat /tmp/small/logs/@* /tmp/small/logs/current | awk '
	# svscan may have something to say there as well.
	$2 == "svscan:" { next }
	{ expected++ }
	$3 != expected { wrong = 1; print "at line " expected ": " $0; exit }
	END { exit wrong || expected != 11000 }' >/run/wrong
lines=$?
check "no line is lost, doubled or out of order: $(head -c 200 /run/wrong)" [ $lines = 0 ]

# The file system of a service and of a log becomes read-only, as it does when a disk fails.
insmod /modules/loop.ko
dd if=/dev/zero of=/tmp/disk bs=1k count=2048 2>/dev/null
losetup /dev/loop0 /tmp/disk
mke2fs /dev/loop0 >/dev/null 2>&1
mkdir /tmp/disk.mounted
mount -t ext4 /dev/loop0 /tmp/disk.mounted
service fails <<-'END'
	#!/bin/sh
	exec sleep 100003
END
mv /tmp/fails /tmp/disk.mounted/fails
ln -s /tmp/disk.mounted/fails /service/fails
soon "a service on a real disk is up" state fails ": up (pid"
mkfifo /tmp/noted
multilog n100 s4096 /tmp/disk.mounted/logs </tmp/noted 2>/run/noted.said &
noted=$!
exec 7>/tmp/noted
note() {
	while [ $noted_last -lt "$1" ]; do
		noted_last=$((noted_last + 1))
		echo "note $noted_last" >&7
	done
}
noted_last=0
note 300
soon "a log on a real disk is written" says /tmp/disk.mounted/logs/current "note 300"
echo u >/proc/sysrq-trigger
read_only() { grep -q '^/dev/loop0 .* ro[, ]' /proc/mounts; }
soon "the disk is read-only" read_only
note 1300
soon "the logger says that it waits" says /run/noted.said ", pausing: read-only file system"
check "its service is up" state fails ": up (pid"
svc -d /service/fails
soon "its service can be stopped" not sleepers 100003
echo u >/service/fails/supervise/control
soon "and started" sleepers 100003
svc -d /service/fails
soon "and stopped again" not sleepers 100003
check "svscan says why svstat is not right" says /run/svscan.said "read-only file system"
mount -o remount,rw /tmp/disk.mounted
soon "svstat is right when it can be written" state fails ": down "

soon "the log goes on when it can be written" says /tmp/disk.mounted/logs/current "note 1300"
note 1400
exec 7>&-
wait $noted
check "the logger ends well" [ $? = 0 ]
check "it has said so once" [ "$(grep -c pausing /run/noted.said)" = 1 ]
cat /tmp/disk.mounted/logs/@* /tmp/disk.mounted/logs/current | awk '
	$2 != NR { wrong = 1; print "at line " NR ": " $0; exit }
	END { exit wrong || NR != 1400 }' >/run/wrong
lines=$?
check "no note is lost, doubled or out of order: $(head -c 200 /run/wrong)" [ $lines = 0 ]
