# Memory is never short here, but it could be: each of many services that start together is as
# likely to be killed then as svscan was when it began, and svscan is not, before and after they
# start again.
names="a b c d e f g h i j k l"
for name in $names; do
	service $name <<-'END'
		#!/bin/sh
		cat /proc/self/oom_score_adj >>score
		exec sleep 100000
	END
	link $name
done
# One of them does not come to be.
mkdir /tmp/none
link none
echo 100 >/proc/self/oom_score_adj
svscan_begins

told() {
	for name in $names; do
		[ "$(cat /tmp/$name/score)" = "$1" ] || return 1
	done
}
protected() { [ "$(cat /proc/$svscan/oom_score_adj)" = -900 ]; }
soon "each has what svscan had" told 100
soon "svscan is protected" protected
for name in $names; do svc -t /service/$name; done
soon "each has it again" told "100
100"
check "svscan is still protected" protected
