#!/bin/sh
# Removes the laboratory NAME, whose temporary folder lies in FOLDER, once standard input ends.
#
# The laboratory's process has the other end of that pipe, so this runs at any end of it: by itself, by an exception, by
# Ctrl-C (at which `deno test` exits without telling the tests) or by SIGKILL.
#
# usage: reap.sh NAME FOLDER

name=${1:?} folder=${2:?}

# Ctrl-C in a terminal reaches this process too.
trap '' INT TERM HUP
cat >/dev/null

for path in /run/netns/"$name"-*; do
  [ -e "$path" ] || continue
  namespace=${path##*/}
  # Only processes that the laboratory put there can be inside a namespace that it made. Twice, for one that was just
  # starting another.
  for _ in 1 2; do
    for pid in $(ip netns pids "$namespace"); do kill -KILL "$pid"; done
  done
  ip netns delete "$namespace"
  rm -rf "/etc/netns/$namespace"
done 2>/dev/null
# Control groups of machines that ran systemd; the last processes in them may still be ending.
for path in /sys/fs/cgroup/"$name"-* /sys/fs/cgroup/*/"$name"-*; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$path" -depth -type d -exec rmdir {} \;
    [ -d "$path" ] || break
    sleep 0.1
  done
done 2>/dev/null
# Disks of the laboratory, such as small file systems that tests fill.
while read -r _ path _; do
  case $path in "$folder/$name"/*) umount --lazy "$path" ;; esac
done </proc/mounts 2>/dev/null
rm -rf "${folder:?}/$name" /etc/netns/"$name"-*
