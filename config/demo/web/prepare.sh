#!/bin/sh
# Writes a page about this machine into its own directory, for the server beside it.
set -eu

own=${TROUPE_BOT_DIR:-${TMPDIR:-/tmp}}
{
  echo "<h1>$(uname -n)</h1><pre>"
  uname -srm
  nproc | sed 's/$/ processors/'
  echo "</pre>"
} >"$own/machine.html"
echo "wrote $own/machine.html"
