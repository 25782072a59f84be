# Runs a broker for as long as standard input is open at its other end, and no longer.
#
#   sh guard.sh DIRECTORY LOG COMMAND...
#
# Prints the command's process id. When standard input ends, whoever held it is gone: the command is killed and DIRECTORY removed.
directory=$1
log=$2
shift 2
exec 3<&0 </dev/null
"$@" >>"$log" 2>&1 3<&- &
command=$!
echo "$command"
(
    read -r _ <&3
    trap '' TERM
    kill -KILL "$command"
    exit 3
) &
watcher=$!
exec 3<&-
wait "$command"
code=$?
kill "$watcher"
wait "$watcher"
[ "$?" -ne 3 ] || rm -rf -- "$directory"
exit "$code"
