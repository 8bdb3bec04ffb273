# ntpd sets the clock of this machine, which is wrong ($WRONG: seconds ahead of the host's), by the
# reference on the host: with -g whatever it is; without -g it refuses more than 1000 s, says which
# command heals it, and goes on when that was done.
for module in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
	failover net_failover virtio_net; do
	insmod /modules/$module.ko
done
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up

# What is the time, by a clock that nobody sets: seconds, plus the time since the start.
read -r up rest </proc/uptime
base=$(($(date +%s) - ${up%.*}))
off() {
	read -r up rest </proc/uptime
	off=$(($(date +%s) - base - ${up%.*}))
}
right() {
	off
	[ $off -ge -20 ] && [ $off -le 20 ]
}
date -s "@$(($(date +%s) + WRONG))" >/dev/null
off
check "the clock is wrong: $off" [ $((off - WRONG)) -le 5 -a $((WRONG - off)) -le 5 ]

service ntp <<-END
	#!/bin/sh
	exec 2>&1
	exec ntpd $FLAG -f /tmp/ntp/drift -p 10.0.2.2:$PORT
END
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
	soon "the offset is refused, with the cure" says $log "to allow it once: ntpd -g -q "
	ntpd=$(pid_of ntp)
	for second in 1 2 3 4 5; do pause; done
	check "the clock was not touched" not right
	check "it stays up" [ -n "$ntpd" -a "$(pid_of ntp)" = "$ntpd" ]
	check "it is said once" [ "$(grep -c "to allow it once" $log)" = 1 ]
	cure=$(sed -n 's/.*to allow it once: //p' $log)
	if $cure >/run/cure.said 2>&1; then echo "ok: $cure"; else fail "$cure"; fi
	show /run/cure.said
	check "the clock is right" right
	check "ntpd is the one that refused" [ "$(pid_of ntp)" = "$ntpd" ]
	soon "and is content now" says $log "synchronised to 10.0.2.2:$PORT"
else
	soon "the clock is set" right
	soon "ntpd is content" says $log "synchronised to 10.0.2.2:$PORT"
	soon "-g is used up in this boot" [ -s /tmp/ntp/drift.first ]
fi
off
echo "the clock is off by $off"
for name in ntp neighbour; do
	case $(svstat /service/$name) in
	*"up (pid "*") "[0-9]" seconds" | *"up (pid "*") "[0-9][0-9]" seconds") ;;
	*) fail "svstat: $(svstat /service/$name)" ;;
	esac
done
check "the neighbour was left alone" [ "$(wc -l </tmp/neighbour/starts)" = 1 ]
svc -d /service/ntp
drift() { grep -qE '^-?[0-9]+\.[0-9]{3}$' /tmp/ntp/drift; }
soon "the drift file is written" drift
show $log
