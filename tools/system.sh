#!/bin/sh
# Install by apt what the tests need of the system and cannot be had from PyPI; what is there stays as it is.
set -eu

missing=""

need() {  # need PACKAGE PROGRAM...: install a package unless one of its programs is there
  package=$1
  shift
  for program in "$@"; do
    if command -v "$program" >/dev/null 2>&1; then return; fi
  done
  missing="$missing $package"
}

need postgresql postgres /usr/lib/postgresql/*/bin/postgres
need systemd systemd-analyze
need openssh-client ssh
need openssh-server sshd /usr/sbin/sshd
need sudo sudo
need nodejs node
need npm npm
need chromium chromium
# Letters of the pages, of Arabic and Hebrew names too.
if [ ! -e /usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf ]; then missing="$missing fonts-noto-core"; fi

if [ -z "$missing" ]; then exit 0; fi
install="apt-get update && apt-get install --yes --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
  echo "the tests need what is not on this machine. Run: sudo sh -c '$install'" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
sh -c "$install" >&2
