# shellcheck shell=bash
# What the scripts share: where the tree is, how packages come, how the build runs.
# Sourced by bash, after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# packages_of SET…: the entries of these sets, "a|b" unsplit, one a line.
packages_of() {
  awk -v sets=" $* " '$1 !~ /^#/ && NF && index(sets, " " $1 " ") { print $2 }' \
    "$root/scripts/packages"
}

# missing_packages SET…: of each entry that nothing installed satisfies, the first choice.
missing_packages() {
  local entry installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
    awk '$1 == "installed" { print $2 }')
  while read -r entry; do
    grep -qxE "${entry//+/\\+}" <<<"$installed" || echo "${entry%%|*}"
  done < <(packages_of "$@")
}

# need_packages SET…: installs what is missing and says what; silent when all is there.
need_packages() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian: the packages that scripts/packages lists are taken to be there."
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  case $(cat /etc/debian_version 2>/dev/null) in
    12*) ;;
    *) say "Troupe is built and tested on Debian 12; on this system the versions may not fit." ;;
  esac
  say "Missing Debian packages, to be installed now: ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "This needs root or sudo. As root: apt-get install ${missing[*]}; then come back."
    as_root=(sudo)
  fi
  "${as_root[@]}" "$root/scripts/install-packages" "${missing[@]}" ||
    die "The packages could not be installed; apt-get said why above."
}

# configure PRESET [cmake args]: silent unless it fails.
configure() {
  local preset=$1 out
  shift
  out=$(cd "$root" && cmake --preset "$preset" "$@" 2>&1) || {
    say "$out"
    die "cmake --preset $preset failed in $root; its message is above."
  }
}

# build PRESET [targets]
build() {
  local preset=$1
  shift
  (cd "$root" && cmake --build --preset "$preset" ${1:+--target "$@"}) ||
    die "The build of preset $preset failed; the first error is above."
}
