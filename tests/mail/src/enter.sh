# The first process of a namespace: see guard.sh.
#
#   sh -c ENTER enter DIRECTORY TREE INPUT COMMAND...
set -e
root=$1/root
tree=$2
input=$3
shift 3
exec 3<&0 </dev/null
mount --bind "$tree/usr" "$root/usr"
mount -o remount,bind,ro "$root/usr"
for device in full null random urandom zero; do
    mount --bind "/dev/$device" "$root/dev/$device"
done
trap 'exit 97' TERM
trap 'exit 98' HUP
chroot "$root" "$@" <"$input" 3<&- &
program=$!
{
    if read -r _ <&3; then
        kill -TERM 1
    else
        kill -HUP 1
    fi
} &
exec 3<&-
wait "$program"
