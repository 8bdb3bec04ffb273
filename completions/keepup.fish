# fish completions of keepup and its commands. Written by `cargo pages`: do not edit.

# keepup runs this command, or is called by its name.
function __keepup_runs
	set -l words (commandline -opc)
	test (string replace -r '.*/' '' -- $words[1]) = $argv[1]; and return
	test "$words[2]" = $argv[1]
end

# That command's next word is its Nth operand, or with N+ one from the Nth on; the further arguments
# are the flags that take a value.
function __keepup_operand
	__keepup_runs $argv[1]; or return
	set -l words (commandline -opc)
	set -l count 1
	set -l at 2
	test (string replace -r '.*/' '' -- $words[1]) = keepup; and set at 3
	while test $at -le (count $words)
		if contains -- $words[$at] $argv[3..]
			set at (math $at + 1)
		else if test $count -gt 1; or not string match -q -- '-*' $words[$at]
			set count (math $count + 1)
		end
		set at (math $at + 1)
	end
	test $count = $argv[2]; and return
	string match -q -- '*+' $argv[2]; and test $count -ge (string trim -c + $argv[2])
end

complete -c keepup -n '__fish_is_nth_token 1' -x -a svscan -d 'keep every service of a scan directory running'
complete -c keepup -n '__fish_is_nth_token 1' -x -a supervise -d 'keep the service of one service directory running'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svc -d 'control services'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svstat -d 'show the state of services'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svok -d 'say by exit code whether supervise runs in a service directory'
complete -c keepup -n '__fish_is_nth_token 1' -x -a multilog -d 'write a log into rotated files'
complete -c keepup -n '__fish_is_nth_token 1' -x -a tai64n -d 'put a TAI64N label before each line'
complete -c keepup -n '__fish_is_nth_token 1' -x -a tai64nlocal -d 'turn TAI64N labels into local time'
complete -c keepup -n '__fish_is_nth_token 1' -l list -d 'print the names of the commands'
complete -c keepup -n '__fish_is_nth_token 1' -l help -d 'print a summary and exit'
complete -c keepup -n '__fish_is_nth_token 1' -l version -d 'print the version and exit'

complete -c svscan -n '__keepup_runs svscan' -f
complete -c keepup -n '__keepup_runs svscan' -f
complete -c svscan -n '__keepup_runs svscan' -l grace -x -d 'kill what has not ended so long after TERM (90s)'
complete -c keepup -n '__keepup_runs svscan' -l grace -x -d 'kill what has not ended so long after TERM (90s)'
complete -c svscan -n '__keepup_runs svscan' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svscan' -l help -d 'print a summary and exit'
complete -c svscan -n '__keepup_runs svscan' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svscan' -l version -d 'print the version and exit'
complete -c svscan -n '__keepup_operand svscan 1 --grace' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svscan 1 --grace' -x -a '(__fish_complete_directories)'

complete -c supervise -n '__keepup_runs supervise' -f
complete -c keepup -n '__keepup_runs supervise' -f
complete -c supervise -n '__keepup_runs supervise' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs supervise' -l help -d 'print a summary and exit'
complete -c supervise -n '__keepup_runs supervise' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs supervise' -l version -d 'print the version and exit'
complete -c supervise -n '__keepup_operand supervise 1' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand supervise 1' -x -a '(__fish_complete_directories)'

complete -c svc -n '__keepup_runs svc' -f
complete -c keepup -n '__keepup_runs svc' -f
complete -c svc -n '__keepup_runs svc' -s u -l up -d 'keep it up; start it if it is down'
complete -c keepup -n '__keepup_runs svc' -s u -l up -d 'keep it up; start it if it is down'
complete -c svc -n '__keepup_runs svc' -s d -l down -d 'keep it down; send TERM, then CONT'
complete -c keepup -n '__keepup_runs svc' -s d -l down -d 'keep it down; send TERM, then CONT'
complete -c svc -n '__keepup_runs svc' -s o -l once -d 'start it if it is down; no restart'
complete -c keepup -n '__keepup_runs svc' -s o -l once -d 'start it if it is down; no restart'
complete -c svc -n '__keepup_runs svc' -s p -l pause -d 'send STOP'
complete -c keepup -n '__keepup_runs svc' -s p -l pause -d 'send STOP'
complete -c svc -n '__keepup_runs svc' -s c -l continue -d 'send CONT'
complete -c keepup -n '__keepup_runs svc' -s c -l continue -d 'send CONT'
complete -c svc -n '__keepup_runs svc' -s h -l hup -d 'send HUP'
complete -c keepup -n '__keepup_runs svc' -s h -l hup -d 'send HUP'
complete -c svc -n '__keepup_runs svc' -s a -l alarm -d 'send ALRM'
complete -c keepup -n '__keepup_runs svc' -s a -l alarm -d 'send ALRM'
complete -c svc -n '__keepup_runs svc' -s i -l interrupt -d 'send INT'
complete -c keepup -n '__keepup_runs svc' -s i -l interrupt -d 'send INT'
complete -c svc -n '__keepup_runs svc' -s t -l term -d 'send TERM'
complete -c keepup -n '__keepup_runs svc' -s t -l term -d 'send TERM'
complete -c svc -n '__keepup_runs svc' -s k -l kill -d 'send KILL'
complete -c keepup -n '__keepup_runs svc' -s k -l kill -d 'send KILL'
complete -c svc -n '__keepup_runs svc' -s x -l exit -d 'let supervise leave once it is down'
complete -c keepup -n '__keepup_runs svc' -s x -l exit -d 'let supervise leave once it is down'
complete -c svc -n '__keepup_runs svc' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svc' -l help -d 'print a summary and exit'
complete -c svc -n '__keepup_runs svc' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svc' -l version -d 'print the version and exit'
complete -c svc -n '__keepup_operand svc 1+' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svc 1+' -x -a '(__fish_complete_directories)'

complete -c svstat -n '__keepup_runs svstat' -f
complete -c keepup -n '__keepup_runs svstat' -f
complete -c svstat -n '__keepup_runs svstat' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svstat' -l help -d 'print a summary and exit'
complete -c svstat -n '__keepup_runs svstat' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svstat' -l version -d 'print the version and exit'
complete -c svstat -n '__keepup_operand svstat 1+' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svstat 1+' -x -a '(__fish_complete_directories)'

complete -c svok -n '__keepup_runs svok' -f
complete -c keepup -n '__keepup_runs svok' -f
complete -c svok -n '__keepup_runs svok' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svok' -l help -d 'print a summary and exit'
complete -c svok -n '__keepup_runs svok' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svok' -l version -d 'print the version and exit'
complete -c svok -n '__keepup_operand svok 1' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svok 1' -x -a '(__fish_complete_directories)'

complete -c multilog -n '__keepup_runs multilog' -f
complete -c keepup -n '__keepup_runs multilog' -f
complete -c multilog -n '__keepup_runs multilog' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs multilog' -l help -d 'print a summary and exit'
complete -c multilog -n '__keepup_runs multilog' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs multilog' -l version -d 'print the version and exit'
complete -c multilog -n '__keepup_operand multilog 1+' -F
complete -c keepup -n '__keepup_operand multilog 1+' -F

complete -c tai64n -n '__keepup_runs tai64n' -f
complete -c keepup -n '__keepup_runs tai64n' -f
complete -c tai64n -n '__keepup_runs tai64n' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs tai64n' -l help -d 'print a summary and exit'
complete -c tai64n -n '__keepup_runs tai64n' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs tai64n' -l version -d 'print the version and exit'

complete -c tai64nlocal -n '__keepup_runs tai64nlocal' -f
complete -c keepup -n '__keepup_runs tai64nlocal' -f
complete -c tai64nlocal -n '__keepup_runs tai64nlocal' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs tai64nlocal' -l help -d 'print a summary and exit'
complete -c tai64nlocal -n '__keepup_runs tai64nlocal' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs tai64nlocal' -l version -d 'print the version and exit'

complete -c ntpd -n '__keepup_runs ntpd' -f
complete -c ntpd -n '__keepup_runs ntpd' -s g -l panicgate -d 'set the first offset whatever its size'
complete -c ntpd -n '__keepup_runs ntpd' -s q -l quit -d 'set the clock once and leave; the exit code says whether'
complete -c ntpd -n '__keepup_runs ntpd' -s x -l slew -d 'slew, never step (but what -g allows beyond the limit)'
complete -c ntpd -n '__keepup_runs ntpd' -s n -s F -l nofork -d 'stay in the foreground, as always'
complete -c ntpd -n '__keepup_runs ntpd' -s d -l debug -d 'say more: every sample'
complete -c ntpd -n '__keepup_runs ntpd' -s c -l configfile -r -F -d 'read CONF (else /etc/ntp.conf without -p)'
complete -c ntpd -n '__keepup_runs ntpd' -s f -l driftfile -r -F -d 'keep the frequency in DRIFT'
complete -c ntpd -n '__keepup_runs ntpd' -s l -l logfile -r -F -d 'log to FILE instead of stderr'
complete -c ntpd -n '__keepup_runs ntpd' -s p -l server -x -d 'ask SERVER[:PORT]; may be repeated'
complete -c ntpd -n '__keepup_runs ntpd' -l observe -d 'say what the time is and never touch the clock'
complete -c ntpd -n '__keepup_runs ntpd' -l serve -x -d 'answer others; port 0 takes one that is free'
complete -c ntpd -n '__keepup_runs ntpd' -l stratum -x -d 'stratum of the local clock when serving it (10)'
complete -c ntpd -n '__keepup_runs ntpd' -l serve-offset -x -d 'test instrument: serve a clock that is off by TIME'
complete -c ntpd -n '__keepup_runs ntpd' -l help -d 'print a summary and exit'
complete -c ntpd -n '__keepup_runs ntpd' -l version -d 'print the version and exit'
