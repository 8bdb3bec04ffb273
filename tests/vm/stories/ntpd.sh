# ntpd sets the clock of this machine, which is $WRONG seconds ahead of its reference: with -g
# whatever it is; without -g it refuses more than 1000 s, says which command heals it, and goes on
# when that was done. The reference is on the host ($PORT), or in the machine, with a clock of its
# own that stays right when the machine's is set: then time is virtual, and an hour is soon over.
# With ASK there is a socket, and the cure is a question to the very ntpd that refuses; programs run
# before and after the step; and the service is ready when the clock is right, and not before.
if [ -n "${PORT:-}" ]; then
	reference=10.0.2.2:$PORT
	for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
		failover net_failover virtio_net; do
		insmod /modules/$module.ko
	done
	ip addr add 10.0.2.15/24 dev eth0
	ip link set eth0 up
else
	reference_begins
fi

time_is_right
right() { within -20 20; }
date -s "@$(($(date +%s) + WRONG))" >/dev/null
check "the clock is wrong" within $((WRONG - 5)) $((WRONG + 5))

more= cure="ntpd -g -q "
if [ -n "${ASK:-}" ]; then
	cure="ntpctl -s /tmp/ntp/socket step"
	more="--socket ./socket --ready-within 100ms --before-step ./before --after-step ./after"
fi
service ntp <<-END
	#!/bin/sh
	exec 2>&1
	exec ntpd $FLAG -f /tmp/ntp/drift $more -p $reference
END
echo 3 >/tmp/ntp/notification-fd
for when in before after; do
	printf '#!/bin/sh\necho "$(date +%%s) $NTPD_EVENT $NTPD_OFFSET" >/tmp/%s\n' $when >/tmp/ntp/$when
	chmod +x /tmp/ntp/$when
done
logger ntp
service neighbour <<-'END'
	#!/bin/sh
	echo start >>starts
	exec sleep 100000
END
link neighbour
svscan_begins
soon "a neighbour is up" [ -e /tmp/neighbour/starts ]
link ntp

log=/tmp/ntp/log/main/current
pid_of() { svstat "/service/$1" | sed -n 's/.*(pid \([0-9]*\)).*/\1/p'; }
soon "the reference answers" says $log "answers: offset"
if [ -z "$FLAG" ]; then
	soon "the offset is refused, with the cure" says $log "to allow it once: $cure"
	ntpd=$(pid_of ntp)
	for second in 1 2 3 4 5; do pause; done
	check "the clock was not touched" not right
	check "it stays up" [ -n "$ntpd" -a "$(pid_of ntp)" = "$ntpd" ]
	check "it is said once" [ "$(grep -c "to allow it once" $log)" = 1 ]
	cure=$(sed -n 's/.*to allow it once: //p' $log)
	if [ -n "${ASK:-}" ]; then
		asked=$(ntpctl -s /tmp/ntp/socket)
		check "ntpctl says by its exit code that all is not well" [ $? = 1 ]
		echo "$asked" >/run/asked
		show /run/asked
		check "and what would heal it" says /run/asked "$cure"
		case $(svstat /service/ntp) in
		*ready*) fail "it is not ready: $(svstat /service/ntp)" ;;
		esac
		/theirs/setuidgid user $cure 2>/run/user.said && fail "an ordinary user steps the clock"
		check "an ordinary user is told why not" says /run/user.said "is for root"
		check "and the clock was not touched" not right
	fi
	if $cure >/run/cure.said 2>&1; then echo "ok: $cure"; else fail "$cure"; fi
	show /run/cure.said
	soon "the clock is right" right
	check "ntpd is the one that refused" [ "$(pid_of ntp)" = "$ntpd" ]
	soon "and is content now" says $log "synchronised to $reference"
	if [ -n "${ASK:-}" ]; then
		soon "ntpctl is content" ntpctl -s /tmp/ntp/socket
		ntpctl -s /tmp/ntp/socket sources >/run/asked
		ntpctl -s /tmp/ntp/socket history >>/run/asked
		show /run/asked
		check "one line tells programs of the step" [ "$(grep -c "event=step" $log)" = 1 ]
		soon "a program ran after it" [ -s /tmp/after ]
		read -r at_before event offset </tmp/before
		check "another ran before it: $event $offset" [ "$event" = before-step ]
		read -r at_after event rest </tmp/after
		check "and saw the wrong clock" [ $((at_before - at_after)) != 0 ]
		check "they were told by how much: $offset" [ "${rest%???}" = "${offset%???}" ]
		is_ready() { case $(svstat /service/ntp) in *ready*) ;; *) return 1 ;; esac; }
		soon "the service is ready" is_ready
		check "a second cure is not needed" not ntpctl -s /tmp/ntp/socket step
	fi
else
	soon "the clock is set" right
	soon "ntpd is content" says $log "synchronised to $reference"
	soon "-g is used up in this boot" [ -s /tmp/ntp/drift.first ]
fi

# has FIELD VALUE: a line of ntpd's /proc/PID/status.
has() { grep -q "^$1:[[:space:]]*$2" "/proc/$(pid_of ntp)/status"; }
check "it is not root any more" has Uid "87[[:space:]]*87[[:space:]]*87[[:space:]]*87"
check "it has no groups but its own" has Groups "87 *$"
check "it has the right to set the clock, and no other" has CapEff 0000000002000000
check "for good" has CapBnd 0000000002000000
check "it can gain no right" has NoNewPrivs 1
if [ -z "${ASK:-}" ]; then
	check "unusual system calls are forbidden to it" has Seccomp 2
else
	check "programs around a step may use any system call" has Seccomp 0
fi

# sane NAME: svstat's seconds are not of another time.
sane() {
	up_for=$(svstat "/service/$1" | sed -n 's/.*up (pid [0-9]*) \([0-9]*\) seconds.*/\1/p')
	read -r up rest </proc/uptime
	[ "${up_for:-100000}" -le "${up%.*}" ]
}
check "svstat is right of ntp: $(svstat /service/ntp)" sane ntp
check "and of its neighbour: $(svstat /service/neighbour)" sane neighbour
drift() { [ -e /tmp/ntp/drift ] && grep -qE '^-?[0-9]+\.[0-9]{3}$' /tmp/ntp/drift; }
if [ -z "${PORT:-}" ]; then
	ntpd=$(pid_of ntp)
	sleep 3700
	check "an hour later the drift file is written" drift
	check "the clock is right" within -1 1
	check "ntpd is still the same" [ "$(pid_of ntp)" = "$ntpd" ]
	# Its directory is root's: the file has been kept open.
	: >/tmp/ntp/drift
	svc -d /service/ntp
	soon "told to end, it writes it too" drift
fi
check "the neighbour was left alone" [ "$(wc -l </tmp/neighbour/starts)" = 1 ]
show $log
