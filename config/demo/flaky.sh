#!/bin/sh
# Says every five seconds which file system is fullest; ends with code 3 at a random moment.
set -eu

trap 'echo "asked to end"; exit 0' TERM INT

random=$(od -An -N2 -tu2 /dev/urandom)
left=$((20 + random % 41))
echo "checking the disks"

while [ "$left" -gt 0 ]; do
  if [ $((left % 5)) -eq 0 ]; then
    df -P -l 2>/dev/null | awk '
      NR > 1 && $2 > 0 { used = $3 / $2; if (used >= most) { most = used; where = $6 } }
      END { if (where != "") printf "fullest: %s, %d %% used\n", where, most * 100 }'
  fi
  # In the background, so that a signal does not wait for its end.
  sleep 1 &
  wait $! || true
  left=$((left - 1))
done

echo "something went wrong, giving up" >&2
exit 3
