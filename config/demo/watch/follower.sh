#!/bin/sh
# Follows the samples of sampler#0 and says when the processors get busy or calm down.
set -eu

busy_percent=${BUSY_PERCENT:-80}
own=${TROUPE_BOT_DIR:-${TMPDIR:-/tmp}}
# The directories of all bots lie side by side.
case $own in
  *follower.*) log=${own%follower.*}sampler.0/samples.log ;;
  *) log=$own/samples.log ;;
esac

pipe=$own/follower.pipe
rm -f "$pipe"
mkfifo -m 600 "$pipe"
# -F: the sampler turns its log over.
tail -n 0 -F "$log" >"$pipe" 2>/dev/null &
tail=$!

finish() {
  kill "$tail" 2>/dev/null || true
  rm -f "$pipe"
  exit "$1"
}
trap 'finish 0' TERM INT

echo "following $log"
state=calm
while read -r _ kind value _; do
  [ "$kind" = cpu ] || continue
  if [ "${value%.*}" -ge "$busy_percent" ]; then now=busy; else now=calm; fi
  if [ "$now" != "$state" ]; then
    echo "the processors are $now: $value %"
    state=$now
  fi
done <"$pipe"

echo "tail ended" >&2
finish 1
