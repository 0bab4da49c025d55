# What watchbill does on a host. It is run as root, this text on standard input: `sh -s -- VERB USER [ARGUMENT...]`.
# Every verb may be run again: what is so already stays as it is.
set -eu
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
KEPT=/var/lib/watchbill/kept
POWERFUL="sudo wheel admin docker lxd"

fail() {
  echo "$*" >&2
  exit 1
}

say() {  # say NAME VALUE...: a line of the answer, its parts parted by tabs
  IFS='	'
  printf '%s\n' "$*"
  unset IFS
}

field() {  # field FILE NUMBER: a part of the user's line
  awk -F: -v user="$user" -v number="$2" '$1 == user { print $number; exit }' "$1"
}

pids() {  # what runs as the user, or in a session of theirs as somebody else; what is dead and only waits is left out
  uid=$(field /etc/passwd 3)
  {
    pgrep -u "$uid" || :
    pgrep -U "$uid" || :
    grep -lxs "$uid" /proc/[0-9]*/loginuid | cut -d/ -f3 || :
  } | sort -un | while read -r pid; do
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || :)
    case $state in '' | Z) ;; *) echo "$pid" ;; esac
  done
}

key_files() {  # every place in which sshd looks for keys of the user
  {
    sshd -T -C "user=$user,host=localhost,addr=127.0.0.1" 2>/dev/null |
      awk '$1 == "authorizedkeysfile" { for (n = 2; n <= NF; n++) print $n }' || :
    printf '%s\n' .ssh/authorized_keys .ssh/authorized_keys2
  } | while read -r path; do
    case $path in none) continue ;; esac
    case $path in "%h/"*) path=${path#%h/} ;; esac
    case $path in *%u*) path=${path%%"%u"*}$user${path#*"%u"} ;; esac
    case $path in /*) echo "$path" ;; *) echo "$home/$path" ;; esac
  done | sort -u
}

tell_file() {  # tell_file NAME PATH
  digest=$(sha256sum -- "$2" 2>/dev/null | cut -d' ' -f1 || :)
  say "$1" "${digest#\\}" "$(stat -c %a -- "$2")" "$(stat -c %U:%G -- "$2")" "$2"
}

tell_keys() {
  key_files | while read -r path; do
    if ! [ -e "$path" ] && ! [ -L "$path" ]; then continue; fi
    real=$(readlink -f -- "$(dirname -- "$path")")/$(basename -- "$path")
    # A link that leads out of the home is a trap, or shared: it is not for a program to follow as root.
    case $path in
      "$home"/*) case $real in "$(readlink -f -- "$home")"/*) tell_file keys "$real" ;; *) say shared "$path" ;; esac ;;
      *"$user"*) tell_file keys "$real" ;;
      *) say shared "$path" ;;
    esac
  done
}

sudoers_about() {  # sudoers_about FILE: `alone` where it is about the user and nobody else, `shared` if about others too
  awk -v user="$user" '
    { sub(/(^|[ \t])#.*/, "") }
    /^[ \t]*$/ { next }
    {
      line = $0
      named = 0
      count = split(line, words, /[^A-Za-z0-9_.-]+/)
      for (n = 1; n <= count; n++) if (words[n] == user) named = 1
    }
    $1 == user { mine = 1; next }
    $1 ~ /^Defaults/ { next }
    named { shared = 1 }
    { others = 1 }
    END {
      if (shared || (mine && others)) print "shared"
      else if (mine) print "alone"
    }' "$1"
}

tell_sudoers() {
  for path in /etc/sudoers /etc/sudoers.d/*; do
    [ -f "$path" ] || continue
    case ${path#/etc/sudoers.d/} in *~ | */* | *.*) [ "$path" = /etc/sudoers ] || continue ;; esac
    about=$(sudoers_about "$path")
    if [ "$about" = alone ] && [ "$path" != /etc/sudoers ]; then
      tell_file sudoers "$path"
    elif [ -n "$about" ]; then
      say shared "$path"
    fi
  done
}

tell_jobs() {
  if crontab -u "$user" -l 2>/dev/null | grep -q '^[^#]'; then say jobs "a crontab"; fi
  if command -v atq >/dev/null && atq 2>/dev/null | awk -v user="$user" '$NF == user { found = 1 } END { exit !found }'; then
    say jobs "jobs of at"
  fi
  for timer in "$home"/.config/systemd/user/*.timer; do
    if [ -e "$timer" ]; then say jobs "the timer $(basename -- "$timer")"; fi
  done
  if [ -e "/var/lib/systemd/linger/$user" ]; then say jobs "services that go on without a session (linger)"; fi
}

describe() {
  if [ -z "$(field /etc/passwd 1)" ]; then
    if getent passwd "$user" >/dev/null; then say known elsewhere; else say known nobody; fi
    return 0
  fi
  home=$(field /etc/passwd 6)
  say known local
  say expiry "$(field /etc/shadow 8)"
  case $(field /etc/shadow 2) in '!'* | '*'*) say password locked ;; '') say password empty ;; *) say password set ;; esac
  for group in $POWERFUL; do
    awk -F: -v group="$group" -v user="$user" '
      $1 == group { count = split($4, names, ","); for (n = 1; n <= count; n++) if (names[n] == user) found = 1 }
      END { exit !found }' /etc/group && say groups "$group" || :
  done
  tell_keys
  tell_sudoers
  tell_jobs
  say processes "$(pids | wc -l)"
}

end_sessions() {
  if [ -d /run/systemd/system ]; then loginctl terminate-user "$user" >/dev/null 2>&1 || :; fi
  tries=0
  while found=$(pids) && [ -n "$found" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 50 ] || fail "processes of $user do not end: $(echo "$found" | tr '\n' ' ')"
    # shellcheck disable=SC2086
    kill -KILL $found 2>/dev/null || :
    sleep 0.1
  done
}

straight() {  # straight PATH: refuse one that leads elsewhere than when it was read
  parent=$(dirname -- "$1")
  [ "$(readlink -f -- "$parent")" = "$parent" ] || fail "$parent leads elsewhere now"
}

there() {
  [ -e "$1" ] || [ -L "$1" ]
}

set_aside() {  # set_aside KEPT PATH
  straight "$2"
  if there "$2"; then
    mkdir -p -- "$KEPT"
    mv -f -T -- "$2" "$KEPT/$1"
  fi
}

put_back() {  # put_back KEPT PATH
  straight "$2"
  if ! there "$KEPT/$1"; then
    there "$2" && return 0
    fail "what was kept of $2 is gone"
  fi
  if there "$2"; then mv -f -T -- "$2" "$KEPT/$1.since"; fi
  mv -T -- "$KEPT/$1" "$2"
  if command -v restorecon >/dev/null; then restorecon -- "$2" || :; fi
}

unlock() {
  case $(field /etc/shadow 2) in '!'?*) usermod -U "$user" ;; esac
}

main() {
  verb=$1
  user=$2
  shift 2
  if [ "$verb" = describe ]; then
    describe
    return 0
  fi
  [ -n "$(field /etc/passwd 1)" ] || fail "no user $user on this host"
  [ "$(field /etc/passwd 3)" != 0 ] || fail "$user is root"
  [ "$user" != "${SUDO_USER:-}" ] || fail "$user is who watchbill signs in as"
  case $verb in
    ExpireUser) usermod --expiredate 1 "$user" ;;
    LockPassword) usermod -L "$user" ;;
    EndSessions) end_sessions ;;
    LeaveGroup) if id -nG "$user" | tr ' ' '\n' | grep -qx "$1"; then gpasswd -d "$user" "$1" >/dev/null; fi ;;
    SetAside) set_aside "$1" "$2" ;;
    PutBack) put_back "$1" "$2" ;;
    JoinGroup) gpasswd -a "$user" "$1" >/dev/null ;;
    UnlockPassword) unlock ;;
    EmptyPassword) passwd -d "$user" >/dev/null ;;
    SetExpiry) usermod --expiredate "$1" "$user" ;;
    *) fail "no such verb: $verb" ;;
  esac
}

main "$@" </dev/null
