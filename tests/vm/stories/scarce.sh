# Pids, files or memory run out, eaten by somebody else ($EATER: user or root): svscan ($WHO: root,
# or an ordinary user) goes on, what runs is left alone, a letter by echo is obeyed, and what could
# not be started is when there is room again.
service steady <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100000
END
logger steady
service victim <<-'END'
	#!/bin/sh
	exec sleep 100001
END
service later <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100002
END
touch /tmp/later/down
for name in steady victim later; do link $name; done
chown -R "$WHO" /tmp/steady /tmp/victim /tmp/later /service /run
svscan_begins

# alive PID: by builtins.
alive() { [ -e "/proc/$1" ]; }
state() { case $(svstat "/service/$1") in *"$2"*) ;; *) return 1 ;; esac; }
pid_of() { svstat "/service/$1" | sed -n 's/.*(pid \([0-9]*\)).*/\1/p'; }
for name in steady victim steady/log; do
	soon "$name is up" state $name ": up (pid"
done
steady=$(pid_of steady)
logger=$(pid_of steady/log)
victim=$(pid_of victim)

. /stories/scarce-$RESOURCE.sh

eat
svscan_lives() { alive ${svscan:-1}; }
echo u >/service/later/supervise/control
for second in 1 2 3 4 5; do pause; done
check "there is nothing left" exhausted
check "svscan goes on" svscan_lives
echo d >/service/victim/supervise/control
soon "a service is stopped by a letter" not alive "$victim"
check "one that runs is left alone" alive "$steady"
check "and so is its logger" alive "$logger"
for second in 1 2 3 4 5 6 7 8 9 10; do pause; done
check "svscan still goes on" svscan_lives
come_to_an_end
soon "what had to wait is started" state later ": up (pid"
check "once" [ "$(wc -l </tmp/later/starts)" = 1 ]
check "the one that ran was never started again" [ "$(wc -l </tmp/steady/starts)" = 1 ]
check "and its svstat says so" [ "$(pid_of steady)" = "$steady" ]
state victim ": down " || fail "what was stopped is $(svstat /service/victim)"
svc -u /service/victim
soon "and comes back when it is asked to" state victim ": up (pid"
