# The story that keepup is for, on daemontools: a daemon that puts itself into the background is
# linked into /service. If this fails, the other stories of it prove nothing.
suite=/theirs
log_in user 17
log_in root 18
daemon_is_there
svscan_begins
pause
limit_files 300
limit_pids 100
link daemon

seconds=0
until [ $seconds = 90 ]; do
	pause
	seconds=$((seconds + 1))
	look
	[ ! -s /run/user.failed ] || break
done
count daemon-sleep
check "a user's ls fails, after $seconds seconds" [ -s /run/user.failed ]
check "there are many copies: $counted" [ $counted -ge 20 ]
why=unknown
! says /run/user.err "Too many open files" || why="too many open files"
! says /run/user.err "ork" || why="cannot fork"
check "and the user is told: $why" [ "$why" != unknown ]
before=$counted
# svc itself could not be started any more.
echo d >/service/daemon/supervise/control
for second in 1 2 3 4 5; do pause; done
count daemon-sleep
check "svc -d leaves all of them: $counted" [ $counted -ge $before ]
