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
complete -c keepup -n '__fish_is_nth_token 1' -x -a svscanctl -d 'control svscan'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svstat -d 'show the state of services'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svok -d 'say by exit code whether supervise runs in a service directory'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svcheck -d 'say what is wrong with services, and how to mend it'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svlog -d 'read the logs of services back'
complete -c keepup -n '__fish_is_nth_token 1' -x -a multilog -d 'write a log into rotated files'
complete -c keepup -n '__fish_is_nth_token 1' -x -a tai64n -d 'put a TAI64N label before each line'
complete -c keepup -n '__fish_is_nth_token 1' -x -a tai64nlocal -d 'turn TAI64N labels into local time'
complete -c keepup -n '__fish_is_nth_token 1' -x -a setuidgid -d 'run a program under an account\'s uid and gid'
complete -c keepup -n '__fish_is_nth_token 1' -x -a envuidgid -d 'run a program with an account\'s uid and gid in $UID and $GID'
complete -c keepup -n '__fish_is_nth_token 1' -x -a envdir -d 'run a program with variables from the files of a directory'
complete -c keepup -n '__fish_is_nth_token 1' -x -a softlimit -d 'run a program with lower soft limits'
complete -c keepup -n '__fish_is_nth_token 1' -x -a setlock -d 'run a program with a file locked'
complete -c keepup -n '__fish_is_nth_token 1' -x -a fghack -d 'stay in the foreground for a program that does not'
complete -c keepup -n '__fish_is_nth_token 1' -x -a pgrphack -d 'run a program in a session and process group of its own'
complete -c keepup -n '__fish_is_nth_token 1' -x -a readproctitle -d 'show the end of standard input in the list of processes'
complete -c keepup -n '__fish_is_nth_token 1' -x -a svscanboot -d 'run svscan for an init, its messages where ps shows them'
complete -c keepup -n '__fish_is_nth_token 1' -x -a ntpctl -d 'ask ntpd how it stands, or allow the step it refuses'
complete -c keepup -n '__fish_is_nth_token 1' -l list -d 'print the names of the commands'
complete -c keepup -n '__fish_is_nth_token 1' -l help -d 'print a summary and exit'
complete -c keepup -n '__fish_is_nth_token 1' -l version -d 'print the version and exit'

complete -c svscan -n '__keepup_runs svscan' -f
complete -c keepup -n '__keepup_runs svscan' -f
complete -c svscan -n '__keepup_runs svscan' -l grace -x -d 'kill what has not ended so long after TERM (90s)'
complete -c keepup -n '__keepup_runs svscan' -l grace -x -d 'kill what has not ended so long after TERM (90s)'
complete -c svscan -n '__keepup_runs svscan' -l no-cgroups -d 'give services no control groups; find what they leave by other signs'
complete -c keepup -n '__keepup_runs svscan' -l no-cgroups -d 'give services no control groups; find what they leave by other signs'
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
complete -c svc -n '__keepup_runs svc' -s w -l wait -x -d 'then wait until each is up, ready, down or finished'
complete -c keepup -n '__keepup_runs svc' -s w -l wait -x -d 'then wait until each is up, ready, down or finished'
complete -c svc -n '__keepup_runs svc' -s T -l timeout -x -d 'wait no longer (1m)'
complete -c keepup -n '__keepup_runs svc' -s T -l timeout -x -d 'wait no longer (1m)'
complete -c svc -n '__keepup_runs svc' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svc' -l help -d 'print a summary and exit'
complete -c svc -n '__keepup_runs svc' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svc' -l version -d 'print the version and exit'
complete -c svc -n '__keepup_operand svc 1+ -w --wait -T --timeout' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svc 1+ -w --wait -T --timeout' -x -a '(__fish_complete_directories)'

complete -c svscanctl -n '__keepup_runs svscanctl' -f
complete -c keepup -n '__keepup_runs svscanctl' -f
complete -c svscanctl -n '__keepup_runs svscanctl' -s u -l upgrade -d 'execute the program anew, in place'
complete -c keepup -n '__keepup_runs svscanctl' -s u -l upgrade -d 'execute the program anew, in place'
complete -c svscanctl -n '__keepup_runs svscanctl' -s h -l hup -d 'look at the scan directory again'
complete -c keepup -n '__keepup_runs svscanctl' -s h -l hup -d 'look at the scan directory again'
complete -c svscanctl -n '__keepup_runs svscanctl' -s t -l term -d 'stop all services and leave'
complete -c keepup -n '__keepup_runs svscanctl' -s t -l term -d 'stop all services and leave'
complete -c svscanctl -n '__keepup_runs svscanctl' -s q -l quit -d 'leave, and leave all services running'
complete -c keepup -n '__keepup_runs svscanctl' -s q -l quit -d 'leave, and leave all services running'
complete -c svscanctl -n '__keepup_runs svscanctl' -s 6 -l reboot -d 'as process 1: reboot the machine'
complete -c keepup -n '__keepup_runs svscanctl' -s 6 -l reboot -d 'as process 1: reboot the machine'
complete -c svscanctl -n '__keepup_runs svscanctl' -s 7 -l poweroff -d 'as process 1: switch it off'
complete -c keepup -n '__keepup_runs svscanctl' -s 7 -l poweroff -d 'as process 1: switch it off'
complete -c svscanctl -n '__keepup_runs svscanctl' -s 0 -l halt -d 'as process 1: halt it'
complete -c keepup -n '__keepup_runs svscanctl' -s 0 -l halt -d 'as process 1: halt it'
complete -c svscanctl -n '__keepup_runs svscanctl' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svscanctl' -l help -d 'print a summary and exit'
complete -c svscanctl -n '__keepup_runs svscanctl' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svscanctl' -l version -d 'print the version and exit'
complete -c svscanctl -n '__keepup_operand svscanctl 1' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svscanctl 1' -x -a '(__fish_complete_directories)'

complete -c svstat -n '__keepup_runs svstat' -f
complete -c keepup -n '__keepup_runs svstat' -f
complete -c svstat -n '__keepup_runs svstat' -s v -l verbose -d 'list the processes of each as well'
complete -c keepup -n '__keepup_runs svstat' -s v -l verbose -d 'list the processes of each as well'
complete -c svstat -n '__keepup_runs svstat' -l json -d 'write a JSON object for each, with all of it'
complete -c keepup -n '__keepup_runs svstat' -l json -d 'write a JSON object for each, with all of it'
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

complete -c svcheck -n '__keepup_runs svcheck' -f
complete -c keepup -n '__keepup_runs svcheck' -f
complete -c svcheck -n '__keepup_runs svcheck' -s s -l scan -x -a '(__fish_complete_directories)' -d 'the scan directory (/service)'
complete -c keepup -n '__keepup_runs svcheck' -s s -l scan -x -a '(__fish_complete_directories)' -d 'the scan directory (/service)'
complete -c svcheck -n '__keepup_runs svcheck' -s v -l verbose -d 'say what is merely worth knowing too'
complete -c keepup -n '__keepup_runs svcheck' -s v -l verbose -d 'say what is merely worth knowing too'
complete -c svcheck -n '__keepup_runs svcheck' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svcheck' -l help -d 'print a summary and exit'
complete -c svcheck -n '__keepup_runs svcheck' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svcheck' -l version -d 'print the version and exit'
complete -c svcheck -n '__keepup_operand svcheck 1+ -s --scan' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svcheck 1+ -s --scan' -x -a '(__fish_complete_directories)'

complete -c svlog -n '__keepup_runs svlog' -f
complete -c keepup -n '__keepup_runs svlog' -f
complete -c svlog -n '__keepup_runs svlog' -s f -l follow -d 'go on with what is written from now on, after the last 10 lines'
complete -c keepup -n '__keepup_runs svlog' -s f -l follow -d 'go on with what is written from now on, after the last 10 lines'
complete -c svlog -n '__keepup_runs svlog' -s n -l lines -x -d 'only the last N lines'
complete -c keepup -n '__keepup_runs svlog' -s n -l lines -x -d 'only the last N lines'
complete -c svlog -n '__keepup_runs svlog' -l since -x -d 'only lines of this time or later'
complete -c keepup -n '__keepup_runs svlog' -l since -x -d 'only lines of this time or later'
complete -c svlog -n '__keepup_runs svlog' -l until -x -d 'only lines before this time'
complete -c keepup -n '__keepup_runs svlog' -l until -x -d 'only lines before this time'
complete -c svlog -n '__keepup_runs svlog' -s g -l grep -x -d 'only lines with this text in them, or with any of several'
complete -c keepup -n '__keepup_runs svlog' -s g -l grep -x -d 'only lines with this text in them, or with any of several'
complete -c svlog -n '__keepup_runs svlog' -s v -l without -x -d 'no lines with this text'
complete -c keepup -n '__keepup_runs svlog' -s v -l without -x -d 'no lines with this text'
complete -c svlog -n '__keepup_runs svlog' -s i -l ignore-case -d 'find texts in either case'
complete -c keepup -n '__keepup_runs svlog' -s i -l ignore-case -d 'find texts in either case'
complete -c svlog -n '__keepup_runs svlog' -l raw -d 'leave labels as they are'
complete -c keepup -n '__keepup_runs svlog' -l raw -d 'leave labels as they are'
complete -c svlog -n '__keepup_runs svlog' -l json -d 'write a JSON object for each line'
complete -c keepup -n '__keepup_runs svlog' -l json -d 'write a JSON object for each line'
complete -c svlog -n '__keepup_runs svlog' -s s -l scan -x -a '(__fish_complete_directories)' -d 'the scan directory (/service)'
complete -c keepup -n '__keepup_runs svlog' -s s -l scan -x -a '(__fish_complete_directories)' -d 'the scan directory (/service)'
complete -c svlog -n '__keepup_runs svlog' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svlog' -l help -d 'print a summary and exit'
complete -c svlog -n '__keepup_runs svlog' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svlog' -l version -d 'print the version and exit'
complete -c svlog -n '__keepup_operand svlog 1+ -n --lines --since --until -g --grep -v --without -s --scan' -x
complete -c keepup -n '__keepup_operand svlog 1+ -n --lines --since --until -g --grep -v --without -s --scan' -x

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

complete -c setuidgid -n '__keepup_runs setuidgid' -f
complete -c keepup -n '__keepup_runs setuidgid' -f
complete -c setuidgid -n '__keepup_runs setuidgid' -s s -l groups -d 'give it all groups of the account, not only the first'
complete -c keepup -n '__keepup_runs setuidgid' -s s -l groups -d 'give it all groups of the account, not only the first'
complete -c setuidgid -n '__keepup_runs setuidgid' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs setuidgid' -l help -d 'print a summary and exit'
complete -c setuidgid -n '__keepup_runs setuidgid' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs setuidgid' -l version -d 'print the version and exit'
complete -c setuidgid -n '__keepup_operand setuidgid 1' -x -a '(__fish_complete_users)'
complete -c keepup -n '__keepup_operand setuidgid 1' -x -a '(__fish_complete_users)'
complete -c setuidgid -n '__keepup_operand setuidgid 2+' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand setuidgid 2+' -x -a '(__fish_complete_subcommand)'

complete -c envuidgid -n '__keepup_runs envuidgid' -f
complete -c keepup -n '__keepup_runs envuidgid' -f
complete -c envuidgid -n '__keepup_runs envuidgid' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs envuidgid' -l help -d 'print a summary and exit'
complete -c envuidgid -n '__keepup_runs envuidgid' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs envuidgid' -l version -d 'print the version and exit'
complete -c envuidgid -n '__keepup_operand envuidgid 1' -x -a '(__fish_complete_users)'
complete -c keepup -n '__keepup_operand envuidgid 1' -x -a '(__fish_complete_users)'
complete -c envuidgid -n '__keepup_operand envuidgid 2+' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand envuidgid 2+' -x -a '(__fish_complete_subcommand)'

complete -c envdir -n '__keepup_runs envdir' -f
complete -c keepup -n '__keepup_runs envdir' -f
complete -c envdir -n '__keepup_runs envdir' -l clear -d 'start with an empty environment'
complete -c keepup -n '__keepup_runs envdir' -l clear -d 'start with an empty environment'
complete -c envdir -n '__keepup_runs envdir' -s I -l ignore-missing -d 'a directory that does not exist changes nothing'
complete -c keepup -n '__keepup_runs envdir' -s I -l ignore-missing -d 'a directory that does not exist changes nothing'
complete -c envdir -n '__keepup_runs envdir' -s p -l prefix -x -d 'put PREFIX before the name of each variable'
complete -c keepup -n '__keepup_runs envdir' -s p -l prefix -x -d 'put PREFIX before the name of each variable'
complete -c envdir -n '__keepup_runs envdir' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs envdir' -l help -d 'print a summary and exit'
complete -c envdir -n '__keepup_runs envdir' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs envdir' -l version -d 'print the version and exit'
complete -c envdir -n '__keepup_operand envdir 1 -p --prefix' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand envdir 1 -p --prefix' -x -a '(__fish_complete_directories)'
complete -c envdir -n '__keepup_operand envdir 2+ -p --prefix' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand envdir 2+ -p --prefix' -x -a '(__fish_complete_subcommand)'

complete -c softlimit -n '__keepup_runs softlimit' -f
complete -c keepup -n '__keepup_runs softlimit' -f
complete -c softlimit -n '__keepup_runs softlimit' -s a -l as -x -d 'all of its memory, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s a -l as -x -d 'all of its memory, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s c -l core -x -d 'a core file, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s c -l core -x -d 'a core file, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s d -l data -x -d 'its data segment, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s d -l data -x -d 'its data segment, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s f -l fsize -x -d 'a file that it writes, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s f -l fsize -x -d 'a file that it writes, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s l -l memlock -x -d 'locked memory, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s l -l memlock -x -d 'locked memory, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s m -l memory -x -d 'as -d, -s, -l and -a with the same N'
complete -c keepup -n '__keepup_runs softlimit' -s m -l memory -x -d 'as -d, -s, -l and -a with the same N'
complete -c softlimit -n '__keepup_runs softlimit' -s o -l nofile -x -d 'open files'
complete -c keepup -n '__keepup_runs softlimit' -s o -l nofile -x -d 'open files'
complete -c softlimit -n '__keepup_runs softlimit' -s p -l nproc -x -d 'processes of its user'
complete -c keepup -n '__keepup_runs softlimit' -s p -l nproc -x -d 'processes of its user'
complete -c softlimit -n '__keepup_runs softlimit' -s r -l rss -x -d 'resident memory, in bytes (not enforced by Linux)'
complete -c keepup -n '__keepup_runs softlimit' -s r -l rss -x -d 'resident memory, in bytes (not enforced by Linux)'
complete -c softlimit -n '__keepup_runs softlimit' -s s -l stack -x -d 'its stack, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -s s -l stack -x -d 'its stack, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -s t -l cpu -x -d 'processor time, in seconds'
complete -c keepup -n '__keepup_runs softlimit' -s t -l cpu -x -d 'processor time, in seconds'
complete -c softlimit -n '__keepup_runs softlimit' -l locks -x -d 'file locks (not enforced by Linux)'
complete -c keepup -n '__keepup_runs softlimit' -l locks -x -d 'file locks (not enforced by Linux)'
complete -c softlimit -n '__keepup_runs softlimit' -l msgqueue -x -d 'message queues of its user, in bytes'
complete -c keepup -n '__keepup_runs softlimit' -l msgqueue -x -d 'message queues of its user, in bytes'
complete -c softlimit -n '__keepup_runs softlimit' -l nice -x -d '20 minus the nice value it may take'
complete -c keepup -n '__keepup_runs softlimit' -l nice -x -d '20 minus the nice value it may take'
complete -c softlimit -n '__keepup_runs softlimit' -l rtprio -x -d 'the real-time priority it may take'
complete -c keepup -n '__keepup_runs softlimit' -l rtprio -x -d 'the real-time priority it may take'
complete -c softlimit -n '__keepup_runs softlimit' -l rttime -x -d 'real-time processor time without a wait, in microseconds'
complete -c keepup -n '__keepup_runs softlimit' -l rttime -x -d 'real-time processor time without a wait, in microseconds'
complete -c softlimit -n '__keepup_runs softlimit' -l sigpending -x -d 'signals queued for its user'
complete -c keepup -n '__keepup_runs softlimit' -l sigpending -x -d 'signals queued for its user'
complete -c softlimit -n '__keepup_runs softlimit' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs softlimit' -l help -d 'print a summary and exit'
complete -c softlimit -n '__keepup_runs softlimit' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs softlimit' -l version -d 'print the version and exit'
complete -c softlimit -n '__keepup_operand softlimit 1+ -a --as -c --core -d --data -f --fsize -l --memlock -m --memory -o --nofile -p --nproc -r --rss -s --stack -t --cpu --locks --msgqueue --nice --rtprio --rttime --sigpending' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand softlimit 1+ -a --as -c --core -d --data -f --fsize -l --memlock -m --memory -o --nofile -p --nproc -r --rss -s --stack -t --cpu --locks --msgqueue --nice --rtprio --rttime --sigpending' -x -a '(__fish_complete_subcommand)'

complete -c setlock -n '__keepup_runs setlock' -f
complete -c keepup -n '__keepup_runs setlock' -f
complete -c setlock -n '__keepup_runs setlock' -s n -l no-wait -d 'give up where the file is locked'
complete -c keepup -n '__keepup_runs setlock' -s n -l no-wait -d 'give up where the file is locked'
complete -c setlock -n '__keepup_runs setlock' -s N -l wait -d 'wait until it is unlocked (default)'
complete -c keepup -n '__keepup_runs setlock' -s N -l wait -d 'wait until it is unlocked (default)'
complete -c setlock -n '__keepup_runs setlock' -s t -l timeout -x -d 'wait so long: 10s, 2m, or milliseconds'
complete -c keepup -n '__keepup_runs setlock' -s t -l timeout -x -d 'wait so long: 10s, 2m, or milliseconds'
complete -c setlock -n '__keepup_runs setlock' -s x -l silent -d 'exit 0 without a word where the file cannot be opened or locked'
complete -c keepup -n '__keepup_runs setlock' -s x -l silent -d 'exit 0 without a word where the file cannot be opened or locked'
complete -c setlock -n '__keepup_runs setlock' -s X -l loud -d 'say so, and exit 111 (default)'
complete -c keepup -n '__keepup_runs setlock' -s X -l loud -d 'say so, and exit 111 (default)'
complete -c setlock -n '__keepup_runs setlock' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs setlock' -l help -d 'print a summary and exit'
complete -c setlock -n '__keepup_runs setlock' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs setlock' -l version -d 'print the version and exit'
complete -c setlock -n '__keepup_operand setlock 1 -t --timeout' -F
complete -c keepup -n '__keepup_operand setlock 1 -t --timeout' -F
complete -c setlock -n '__keepup_operand setlock 2+ -t --timeout' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand setlock 2+ -t --timeout' -x -a '(__fish_complete_subcommand)'

complete -c fghack -n '__keepup_runs fghack' -f
complete -c keepup -n '__keepup_runs fghack' -f
complete -c fghack -n '__keepup_runs fghack' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs fghack' -l help -d 'print a summary and exit'
complete -c fghack -n '__keepup_runs fghack' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs fghack' -l version -d 'print the version and exit'
complete -c fghack -n '__keepup_operand fghack 1+' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand fghack 1+' -x -a '(__fish_complete_subcommand)'

complete -c pgrphack -n '__keepup_runs pgrphack' -f
complete -c keepup -n '__keepup_runs pgrphack' -f
complete -c pgrphack -n '__keepup_runs pgrphack' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs pgrphack' -l help -d 'print a summary and exit'
complete -c pgrphack -n '__keepup_runs pgrphack' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs pgrphack' -l version -d 'print the version and exit'
complete -c pgrphack -n '__keepup_operand pgrphack 1+' -x -a '(__fish_complete_subcommand)'
complete -c keepup -n '__keepup_operand pgrphack 1+' -x -a '(__fish_complete_subcommand)'

complete -c readproctitle -n '__keepup_runs readproctitle' -f
complete -c keepup -n '__keepup_runs readproctitle' -f
complete -c readproctitle -n '__keepup_runs readproctitle' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs readproctitle' -l help -d 'print a summary and exit'
complete -c readproctitle -n '__keepup_runs readproctitle' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs readproctitle' -l version -d 'print the version and exit'
complete -c readproctitle -n '__keepup_operand readproctitle 1+' -x
complete -c keepup -n '__keepup_operand readproctitle 1+' -x
complete -c readproctitle -n '__keepup_operand readproctitle 2' -x
complete -c keepup -n '__keepup_operand readproctitle 2' -x

complete -c svscanboot -n '__keepup_runs svscanboot' -f
complete -c keepup -n '__keepup_runs svscanboot' -f
complete -c svscanboot -n '__keepup_runs svscanboot' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs svscanboot' -l help -d 'print a summary and exit'
complete -c svscanboot -n '__keepup_runs svscanboot' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs svscanboot' -l version -d 'print the version and exit'
complete -c svscanboot -n '__keepup_operand svscanboot 1' -x -a '(__fish_complete_directories)'
complete -c keepup -n '__keepup_operand svscanboot 1' -x -a '(__fish_complete_directories)'

complete -c ntpctl -n '__keepup_runs ntpctl' -f
complete -c keepup -n '__keepup_runs ntpctl' -f
complete -c ntpctl -n '__keepup_runs ntpctl' -s s -l socket -x -d 'ask at PATH'
complete -c keepup -n '__keepup_runs ntpctl' -s s -l socket -x -d 'ask at PATH'
complete -c ntpctl -n '__keepup_runs ntpctl' -l json -d 'write all of it as one JSON object'
complete -c keepup -n '__keepup_runs ntpctl' -l json -d 'write all of it as one JSON object'
complete -c ntpctl -n '__keepup_runs ntpctl' -l help -d 'print a summary and exit'
complete -c keepup -n '__keepup_runs ntpctl' -l help -d 'print a summary and exit'
complete -c ntpctl -n '__keepup_runs ntpctl' -l version -d 'print the version and exit'
complete -c keepup -n '__keepup_runs ntpctl' -l version -d 'print the version and exit'
complete -c ntpctl -n '__keepup_operand ntpctl 1 -s --socket' -x
complete -c keepup -n '__keepup_operand ntpctl 1 -s --socket' -x
complete -c ntpctl -n '__keepup_operand ntpctl 2 -s --socket' -x
complete -c keepup -n '__keepup_operand ntpctl 2 -s --socket' -x
complete -c ntpctl -n '__keepup_operand ntpctl 3 -s --socket' -x
complete -c keepup -n '__keepup_operand ntpctl 3 -s --socket' -x
complete -c ntpctl -n '__keepup_operand ntpctl 4 -s --socket' -x
complete -c keepup -n '__keepup_operand ntpctl 4 -s --socket' -x
complete -c ntpctl -n '__keepup_operand ntpctl 5 -s --socket' -x
complete -c keepup -n '__keepup_operand ntpctl 5 -s --socket' -x

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
complete -c ntpd -n '__keepup_runs ntpd' -s u -l user -x -d 'as root, become USER[:GROUP] (_ntp, ntp or ntpsec)'
complete -c ntpd -n '__keepup_runs ntpd' -s Q -l query -d 'say what the time is and leave: --observe -q'
complete -c ntpd -n '__keepup_runs ntpd' -l check-config -d 'read the configuration, say what is not obeyed, and leave'
complete -c ntpd -n '__keepup_runs ntpd' -l socket -x -d 'let ntpctl ask at PATH (/run/ntpd/ntpd.sock)'
complete -c ntpd -n '__keepup_runs ntpd' -l ready-within -x -d 'say once that the clock is within TIME: a newline'
complete -c ntpd -n '__keepup_runs ntpd' -l ready-fd -x -d 'say so on descriptor N (3)'
complete -c ntpd -n '__keepup_runs ntpd' -l before-step -x -a '(__fish_complete_command)' -d 'run PROG, and wait for it, before the clock is stepped'
complete -c ntpd -n '__keepup_runs ntpd' -l after-step -x -a '(__fish_complete_command)' -d 'run PROG after the clock was stepped'
complete -c ntpd -n '__keepup_runs ntpd' -l observe -d 'say what the time is and never touch the clock'
complete -c ntpd -n '__keepup_runs ntpd' -l serve -x -d 'answer others; port 0 takes one that is free'
complete -c ntpd -n '__keepup_runs ntpd' -l stratum -x -d 'stratum of the local clock when serving it (10)'
complete -c ntpd -n '__keepup_runs ntpd' -l serve-offset -x -d 'test instrument: serve a clock that is off by TIME'
complete -c ntpd -n '__keepup_runs ntpd' -l help -d 'print a summary and exit'
complete -c ntpd -n '__keepup_runs ntpd' -l version -d 'print the version and exit'
