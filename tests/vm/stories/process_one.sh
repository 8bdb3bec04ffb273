# svscan as process 1: services and loggers run, orphans of orphans are reaped, and a signal (the
# kernel sends INT for Ctrl-Alt-Del) stops services, then loggers. That ends this script as well,
# which is an orphan too: what the console says from there on is the verdict.
service talker <<-'END'
	#!/bin/sh
	# Longer than a logger waits for the end of its input when everything ends.
	end() { echo "talker: told to end" >/dev/console; sleep 20; echo last words; exit 0; }
	trap end TERM
	echo first words
	while :; do sleep 1 & wait $!; done
END
service talker/log <<-'END'
	#!/bin/sh
	multilog t ./main
	echo "logger: ends after: $(sed -n 's/^@[0-9a-f]* last/last/p' main/current)" >/dev/console
END
service littering <<-'END'
	#!/bin/sh
	trap 'echo "littering: told to end" >/dev/console; exit 0' TERM
	for orphan in 1 2 3 4 5 6 7 8 9 10; do sh -c 'sh -c "sleep 0.3" &' & done
	wait
	echo done >/run/littered
	while :; do sleep 1 & wait $!; done
END
link talker
link littering
soon "a service and its logger run" says /tmp/talker/log/main/current "first words"
soon "orphans are made" [ -e /run/littered ]
zombies() { grep -l '^State:.Z' /proc/[0-9]*/status >/run/zombies 2>/dev/null; }
for second in 1 2; do pause; done
check "none of them is left unreaped" not zombies

# Something that a service left in the background must not outlive the end.
(setsid sh -c 'trap "echo orphan: told to end >/dev/console; exit" TERM
	while :; do sleep 1 & wait $!; done' &)
pause
echo 0 >/proc/sys/kernel/ctrl-alt-del
kill "-$SIGNAL" 1
while :; do pause; done
