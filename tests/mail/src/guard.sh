# Runs a program in a root directory of its own for as long as standard input is open at its other end, and no longer.
#
#   sh -c GUARD guard ENTER DIRECTORY TREE INPUT COMMAND...
#
# The program is in a namespace of its own with all that it starts, so nothing of it is left when the namespace's first process, the
# script ENTER, goes. Whoever holds standard input says a word to end the program; when it goes without one, DIRECTORY goes as well.
enter=$1
directory=$2
shift
unshare --mount --pid --fork --kill-child sh -c "$enter" enter "$@"
code=$?
[ "$code" -ne 98 ] || rm -rf -- "$directory"
exit "$code"
