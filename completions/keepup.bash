# bash completions of keepup and its commands. Written by `cargo pages`: do not edit.

_keepup() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[0]##*/} at=1
	if [[ $command == keepup ]] && ((COMP_CWORD > 1)); then
		command=${COMP_WORDS[1]} at=2
	fi
	local flags= operands=() rest= is_operand=
	local -A values=()
	case $command in
	keepup)
		flags='--list --help --version'
		operands=(name) names='svscan supervise svc svscanctl svstat svok svcheck svlog multilog tai64n tai64nlocal setuidgid envuidgid envdir softlimit setlock fghack pgrphack readproctitle svscanboot ntpctl'
		;;
	svscan)
		flags='--grace --no-cgroups --help --version'
		values[--grace]=other
		operands=(directory) rest=
		;;
	supervise)
		flags='--help --version'
		operands=(directory) rest=
		;;
	svc)
		flags='-u --up -d --down -o --once -p --pause -c --continue -h --hup -a --alarm -i --interrupt -t --term -k --kill -x --exit -w --wait -T --timeout --help --version'
		values[-w]=other
		values[--wait]=other
		values[-T]=other
		values[--timeout]=other
		operands=(directory) rest=directory
		;;
	svscanctl)
		flags='-u --upgrade -h --hup -t --term -q --quit -6 --reboot -7 --poweroff -0 --halt --help --version'
		operands=(directory) rest=
		;;
	svstat)
		flags='-v --verbose --json --help --version'
		operands=(directory) rest=directory
		;;
	svok)
		flags='--help --version'
		operands=(directory) rest=
		;;
	svcheck)
		flags='-s --scan -v --verbose --help --version'
		values[-s]=directory
		values[--scan]=directory
		operands=(directory) rest=directory
		;;
	svlog)
		flags='-f --follow -n --lines --since --until -g --grep -v --without -i --ignore-case --raw --json -s --scan --help --version'
		values[-n]=other
		values[--lines]=other
		values[--since]=other
		values[--until]=other
		values[-g]=other
		values[--grep]=other
		values[-v]=other
		values[--without]=other
		values[-s]=directory
		values[--scan]=directory
		operands=(other) rest=other
		;;
	multilog)
		flags='--help --version'
		operands=(file) rest=file
		;;
	tai64n)
		flags='--help --version'
		operands=() rest=
		;;
	tai64nlocal)
		flags='--help --version'
		operands=() rest=
		;;
	setuidgid)
		flags='-s --groups --help --version'
		operands=(account program) rest=file
		;;
	envuidgid)
		flags='--help --version'
		operands=(account program) rest=file
		;;
	envdir)
		flags='--clear -I --ignore-missing -p --prefix --help --version'
		values[-p]=other
		values[--prefix]=other
		operands=(directory program) rest=file
		;;
	softlimit)
		flags='-a --as -c --core -d --data -f --fsize -l --memlock -m --memory -o --nofile -p --nproc -r --rss -s --stack -t --cpu --locks --msgqueue --nice --rtprio --rttime --sigpending --help --version'
		values[-a]=other
		values[--as]=other
		values[-c]=other
		values[--core]=other
		values[-d]=other
		values[--data]=other
		values[-f]=other
		values[--fsize]=other
		values[-l]=other
		values[--memlock]=other
		values[-m]=other
		values[--memory]=other
		values[-o]=other
		values[--nofile]=other
		values[-p]=other
		values[--nproc]=other
		values[-r]=other
		values[--rss]=other
		values[-s]=other
		values[--stack]=other
		values[-t]=other
		values[--cpu]=other
		values[--locks]=other
		values[--msgqueue]=other
		values[--nice]=other
		values[--rtprio]=other
		values[--rttime]=other
		values[--sigpending]=other
		operands=(program) rest=file
		;;
	setlock)
		flags='-n --no-wait -N --wait -t --timeout -x --silent -X --loud --help --version'
		values[-t]=other
		values[--timeout]=other
		operands=(file program) rest=file
		;;
	fghack)
		flags='--help --version'
		operands=(program) rest=file
		;;
	pgrphack)
		flags='--help --version'
		operands=(program) rest=file
		;;
	readproctitle)
		flags='--help --version'
		operands=(other other) rest=
		;;
	svscanboot)
		flags='--help --version'
		operands=(directory) rest=
		;;
	ntpctl)
		flags='-s --socket --json --help --version'
		values[-s]=other
		values[--socket]=other
		operands=(other other other other other) rest=
		;;
	ntpd)
		flags='-g --panicgate -q --quit -x --slew -n -F --nofork -d --debug -c --configfile -f --driftfile -l --logfile -p --server -u --user -Q --query --check-config --socket --ready-within --ready-fd --before-step --after-step --observe --serve --stratum --serve-offset --help --version'
		values[-c]=file
		values[--configfile]=file
		values[-f]=file
		values[--driftfile]=file
		values[-l]=file
		values[--logfile]=file
		values[-p]=other
		values[--server]=other
		values[-u]=other
		values[--user]=other
		values[--socket]=other
		values[--ready-within]=other
		values[--ready-fd]=other
		values[--before-step]=program
		values[--after-step]=program
		values[--serve]=other
		values[--stratum]=other
		values[--serve-offset]=other
		operands=() rest=
		;;
	*) return ;;
	esac
	local first=$at kind=
	for ((; at < COMP_CWORD; at++)); do
		case ${COMP_WORDS[at]} in
		--) is_operand=1 first=$((at + 1)) && break ;;
		-*) [[ ${values[${COMP_WORDS[at]}]} ]] && ((at++)) ;;
		*) is_operand=1 first=$at && break ;;
		esac
	done
	if ((at > COMP_CWORD)); then
		kind=${values[${COMP_WORDS[COMP_CWORD - 1]}]}
	elif [[ ! $is_operand && $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
		return
	else
		[[ $is_operand ]] || first=$COMP_CWORD
		kind=${operands[COMP_CWORD - first]:-$rest}
	fi
	case $kind in
	directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	account) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
	program) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
	name) mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word") ;;
	*) COMPREPLY=() ;;
	esac
}

complete -F _keepup keepup svscan supervise svc svscanctl svstat svok svcheck svlog multilog tai64n tai64nlocal setuidgid envuidgid envdir softlimit setlock fghack pgrphack readproctitle svscanboot ntpctl ntpd
