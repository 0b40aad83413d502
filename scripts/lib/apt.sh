# shellcheck shell=bash
# Careful apt: no questions, no recommended packages, no services started. Sourced by scripts.

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root to run: $* (no sudo here; run as root)"
  fi
}

# Output of a command that succeeds is noise: it is shown only when the command fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# Prints the first of the named packages that this machine's package lists have.
apt_first_known() {
  local name
  for name in "$@"; do
    if [[ -n $(apt-cache show --no-all-versions "$name" 2>/dev/null) ]]; then
      printf '%s\n' "$name"
      return
    fi
  done
  return 1
}

# A third-party source that does not answer must not stop us: what counts is whether the packages
# are found afterwards.
apt_update() {
  quietly as_root apt-get -q update -o DPkg::Lock::Timeout=300 ||
    say 'apt-get update reported problems, going on with what it got'
}

apt_install() {
  local status=0 policy=/usr/sbin/policy-rc.d ours=
  # Packages such as ipvsadm bring a service; this file tells their scripts to start nothing.
  if [[ ! -e $policy ]]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    # shellcheck disable=SC2064
    trap "as_root rm -f $policy" EXIT
  fi
  quietly as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" || status=$?
  if [[ $ours ]]; then
    as_root rm -f "$policy"
    trap - EXIT
  fi
  return "$status"
}
