# What watchbill does on a host. It is run as root, this text on standard input: `sh -s -- VERB USER [ARGUMENT...]`.
# Every verb may be run again: what is so already stays as it is.
set -eu
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
KEPT=/var/lib/watchbill/kept
POWERFUL="sudo wheel admin docker lxd"
ONCALL=/etc/sudoers.d/watchbill-oncall # sudo passes over names with a dot: what is written there first is not in force
LOGINS=/etc/ssh/watchbill-oncall

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

config() {  # the configuration of the sshd by which this was sent, where it is told to go by another than its own
  at=$$
  while [ "${at:-0}" -gt 1 ] && [ -r "/proc/$at/status" ]; do
    read -r program <"/proc/$at/comm" || :
    if [ "$program" = sshd ]; then
      tr '\0' ' ' <"/proc/$at/cmdline" | sed -n 's/^sshd: .* -f \([^ ]*\) .*\[listener\].*/\1/p'
    fi
    while read -r name value; do
      if [ "$name" = PPid: ]; then at=$value && break; fi
    done <"/proc/$at/status"
  done
}

sshd_about() {  # sshd_about USER: what sshd goes by for a user
  sshd -T ${sshd_config:+-f "$sshd_config"} -C "user=$1,host=localhost,addr=127.0.0.1" 2>/dev/null || :
}

values() {  # values NAME: what sshd has for a name, a line each
  awk -v name="$1" '$1 == name { for (n = 2; n <= NF; n++) if ($n != "none") print $n }'
}

look_at_sshd() {  # what it goes by for the user, the file of revoked keys, and where we keep it as it was
  sshd_config=$(config | head -n 1)
  sshd_goes_by=$(sshd_about "$user")
  krl=$(echo "$sshd_goes_by" | values revokedkeys | head -n 1)
  if [ -f "$krl" ]; then krl=$(readlink -f -- "$krl"); else krl=; fi
  folder=$KEPT/krl-$(echo "$krl" | sha256sum | cut -c1-24)
}

of_user() {  # of_user USER HOME: the files that names with tokens stand for, of each line
  while read -r path; do
    case $path in "%h/"*) path=${path#%h/} ;; esac
    case $path in *%u*) path=${path%%"%u"*}$1${path#*"%u"} ;; esac
    case $path in /*) echo "$path" ;; *) echo "$2/$path" ;; esac
  done
}

key_files() {  # every place in which sshd looks for keys of the user
  {
    echo "$sshd_goes_by" | values authorizedkeysfile
    printf '%s\n' .ssh/authorized_keys .ssh/authorized_keys2
  } | of_user "$user" "$home" | sort -u
}

fingerprints() {  # fingerprints FILE: of every key that is in it, with options before it too
  ssh-keygen -lf "$1" 2>/dev/null | awk '$2 ~ /^SHA256:/ { print $2 }' | sort -u
}

tell_fingerprints() {
  {
    key_files | while read -r path; do if [ -f "$path" ]; then fingerprints "$path"; fi; done
    if [ -f "$folder/of.$user" ]; then sed 's/^hash: //' "$folder/of.$user"; fi
  } | sort -u | while read -r print; do say fingerprint "$print"; done
}

digest() {
  sha256sum -- "$1" 2>/dev/null | cut -d' ' -f1 || :
}

is_ours() {  # whether the file of revoked keys is as we left it
  now=$(digest "$krl")
  for each in next after; do
    if [ -f "$folder/$each" ] && [ "$(cat "$folder/$each")" = "$now" ]; then return 0; fi
  done
  return 1
}

is_krl() {
  [ "$(head -c 6 -- "$1")" = SSHKRL ]
}

is_revoked() {  # is_revoked FINGERPRINT: ssh-keygen lists what was revoked by its digest in another form
  plain=${1#SHA256:}
  hex=$(printf '%s=' "$plain" | base64 -d 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
  if is_krl "$krl"; then ssh-keygen -Q -l -f "$krl" 2>/dev/null; else fingerprints "$krl" | sed 's/^/hash: /'; fi |
    awk -v plain="SHA256:$plain" -v hex="SHA256:$hex" '$1 == "hash:" && ($2 == plain || $2 == hex) { found = 1 }
      END { exit !found }'
}

tell_certificates() {  # which authorities may open what to certificates, and which of the user's keys are revoked
  authorities=$({ echo "$sshd_goes_by" && sshd_about root; } | values trustedusercakeys | sort -u)
  if [ -z "$authorities" ]; then return 0; fi
  echo "$authorities" | while read -r path; do say authority "$path" "$(fingerprints "$path" | paste -sd, -)"; done
  getent passwd | while IFS=: read -r name _ _ _ _ at shell; do
    case $name in "$user") continue ;; esac
    case $shell in */nologin | */false | */sync) continue ;; esac
    sshd_about "$name" | values authorizedprincipalsfile | of_user "$name" "$at" | while read -r path; do
      if [ -f "$path" ] && awk -v user="$user" '
        { sub(/#.*/, "") } $NF == user { found = 1 } END { exit !found }' "$path"; then say opens "$name" "$path"; fi
    done
  done
}

tell_revoked() {
  if [ -z "$krl" ]; then return 0; fi
  say revocations "$krl"
  if [ -f "$folder/of.$user" ]; then
    sed 's/^hash: //' "$folder/of.$user" | while read -r print; do
      if is_revoked "$print"; then say revoked "$print"; fi
    done
  fi
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
    if [ "$path" = "$ONCALL" ]; then continue; fi
    case ${path#/etc/sudoers.d/} in *~ | */* | *.*) [ "$path" = /etc/sudoers ] || continue ;; esac
    about=$(sudoers_about "$path")
    if [ "$about" = alone ] && [ "$path" != /etc/sudoers ]; then
      tell_file sudoers "$path"
    elif [ -n "$about" ]; then
      say shared "$path"
    fi
  done
}

tell_on_call() {  # whether rules of shifts are theirs, and whether somebody wrote them into one that is others' too
  tell_logins
  [ -f "$ONCALL" ] || return 0
  case $(awk -v user="$user" '
    /^[ \t]*(#|$)/ { next }
    $1 == user { mine = 1; next }
    { sub(/=.*/, ""); count = split($0, words, /[^A-Za-z0-9_.-]+/) }
    { for (n = 1; n <= count; n++) if (words[n] == user) shared = 1 }
    END { print (mine ? "mine" : "") (shared ? "shared" : "") }' "$ONCALL") in
    mine) say oncall "$ONCALL" ;;
    shared) say shared "$ONCALL" ;;
    mineshared) say oncall "$ONCALL" && say shared "$ONCALL" ;;
  esac
}

tell_logins() {  # whether certificates of shifts open the host for them
  if grep -Fqs -- ":$user@" "$LOGINS"; then say oncall "$LOGINS"; fi
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
    tell_on_call
    return 0
  fi
  look_at_sshd
  say known local
  say expiry "$(field /etc/shadow 8)"
  case $(field /etc/shadow 2) in '!'* | '*'*) say password locked ;; '') say password empty ;; *) say password set ;; esac
  for group in $POWERFUL; do
    awk -F: -v group="$group" -v user="$user" '
      $1 == group { count = split($4, names, ","); for (n = 1; n <= count; n++) if (names[n] == user) found = 1 }
      END { exit !found }' /etc/group && say groups "$group" || :
  done
  tell_keys
  tell_fingerprints
  tell_certificates
  tell_revoked
  tell_sudoers
  tell_on_call
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

put_back_without() {  # put_back_without KEPT PATH FINGERPRINTS: a file of keys, but for some of them
  straight "$2"
  if there "$KEPT/$1" && ! there "$2"; then
    : >"$KEPT/$1.less"
    while IFS= read -r line || [ -n "$line" ]; do
      printf '%s\n' "$line" >"$KEPT/$1.line"
      case ",$3," in *,"$(fingerprints "$KEPT/$1.line")",*) continue ;; esac
      printf '%s\n' "$line" >>"$KEPT/$1.less"
    done <"$KEPT/$1"
    rm -f -- "$KEPT/$1.line"
    chown --reference="$KEPT/$1" -- "$KEPT/$1.less"
    chmod --reference="$KEPT/$1" -- "$KEPT/$1.less"
    mv -T -- "$KEPT/$1.less" "$2"
    mv -f -T -- "$KEPT/$1" "$KEPT/$1.whole"
    if command -v restorecon >/dev/null; then restorecon -- "$2" || :; fi
    return 0
  fi
  if there "$KEPT/$1"; then
    mv -f -T -- "$2" "$KEPT/$1.since"
    put_back_without "$@"
  else
    there "$2" || fail "what was kept of $2 is gone"
  fi
}

publish() {  # revoke what was revoked without us, and what is ours for each user
  new=$krl.watchbill
  rm -f -- "$new"
  cp -p -- "$folder/base" "$new"
  if ls "$folder"/of.* >/dev/null 2>&1; then
    # A list of keys, which sshd takes as well, has no place for digests: it becomes what has.
    if ! is_krl "$new"; then
      ssh-keygen -q -k -f "$folder/made" "$folder/base" || fail "$krl is not as ssh-keygen has it"
      cat "$folder/made" >"$new"
    fi
    for of in "$folder"/of.*; do ssh-keygen -q -k -u -f "$new" "$of"; done
  fi
  digest "$new" >"$folder/next"
  mv -f -T -- "$new" "$krl"
  mv -f -- "$folder/next" "$folder/after"
  if command -v restorecon >/dev/null; then restorecon -- "$krl" || :; fi
}

revoke_keys() {  # revoke_keys PATH FINGERPRINTS: by key or by certificate, sshd takes them no more from now on
  look_at_sshd
  [ "$krl" = "$1" ] || fail "sshd goes by another file of revoked keys than $1 now"
  mkdir -p -- "$folder"
  if ! is_ours; then cp -p -- "$krl" "$folder/base"; fi
  echo "$2" | tr , '\n' | sed 's/^/hash: /' >"$folder/of.$user"
  publish
}

give_keys_back() {  # give_keys_back PATH FINGERPRINTS: of what we revoked these alone stay so; none where it is empty
  look_at_sshd
  if [ "$krl" != "$1" ] || ! [ -f "$folder/of.$user" ]; then return 0; fi
  if is_ours; then
    rm -f -- "$folder/of.$user"
    if [ -n "$2" ]; then echo "$2" | tr , '\n' | sed 's/^/hash: /' >"$folder/of.$user"; fi
    publish
  else
    sed 's/^hash: //' "$folder/of.$user" | while read -r print; do
      case ",$2," in *,"$print",*) continue ;; esac
      if is_revoked "$print"; then fail "$krl was changed since the freeze: take $print out of it"; fi
    done
    rm -f -- "$folder/of.$user"
  fi
  if ! ls "$folder"/of.* >/dev/null 2>&1; then rm -rf -- "$folder"; fi
}

tell_text() {  # tell_text NAME FILE: one of ours, as it is
  if there "$2"; then
    say "$1" "$(digest "$2")" "$(stat -c '%a %U:%G' -- "$2")" "$(base64 <"$2" | tr -d '\n')"
  fi
}

describe_logins() {  # what opens the host for the user beside certificates, and what sshd goes by for these
  sshd_goes_by=$(sshd_about "$user")
  for name in trustedusercakeys authorizedprincipalscommand authorizedprincipalscommanduser revokedkeys; do
    value=$(echo "$sshd_goes_by" | sed -n "s/^$name //p" | head -n 1)
    case $value in '' | none) ;; *) say sshd "$user" "$name" "$value" ;; esac
  done
  echo "$sshd_goes_by" | values trustedusercakeys | while read -r path; do
    fingerprints "$path" | while read -r print; do say trusted "$user" "$print"; done
  done
  home=$(getent passwd "$user" | cut -d: -f6)
  echo "$sshd_goes_by" | values authorizedkeysfile | of_user "$user" "$home" | while read -r path; do
    if [ -f "$path" ] && [ -n "$(fingerprints "$path")" ]; then say standing "$user" "$path"; fi
  done
}

describe_by_shift() {  # describe_by_shift ssh|no USER...: what is written by shift, and what else gives these users it
  certificates=$1
  shift
  sshd_config=$(config | head -n 1)
  say clock "$(date -u +%s)"
  if grep -Eqs '^[@#]includedir[[:space:]]+"?/etc/sudoers\.d/?"?[[:space:]]*$' /etc/sudoers; then say included yes; else say included no; fi
  tell_text sudo "$ONCALL"
  tell_text logins "$LOGINS"
  for user in "$@"; do
    if ! getent passwd "$user" >/dev/null; then continue; fi
    say user "$user"
    if [ "$certificates" = ssh ]; then describe_logins; fi
    for path in /etc/sudoers /etc/sudoers.d/*; do
      case ${path#/etc/sudoers.d/} in *~ | */* | *.*) [ "$path" = /etc/sudoers ] || continue ;; esac
      if [ -f "$path" ] && [ "$path" != "$ONCALL" ] && [ -n "$(sudoers_about "$path")" ]; then say other "$user" "$path"; fi
    done
    for group in $POWERFUL; do
      if id -nG "$user" | tr ' ' '\n' | grep -qx "$group"; then say other "$user" "group $group"; fi
    done
  done
}

mode_of() {
  case $1 in "$ONCALL") echo 0440 ;; *) echo 0644 ;; esac
}

publish_on_call() {  # publish_on_call FILE: put what is beside it into force, if sudo can read it: else nobody would have sudo
  chown root:root -- "$1.next.$$"
  chmod "$(mode_of "$1")" -- "$1.next.$$"
  if [ "$1" = "$ONCALL" ] && ! visudo -cqf "$1.next.$$" >&2; then
    rm -f -- "$1.next.$$"
    fail "visudo does not take the rules, so that none was written: sudo 1.8.20 or later knows them"
  fi
  mv -f -T -- "$1.next.$$" "$1"
  if command -v restorecon >/dev/null; then restorecon -- "$1" || :; fi
}

write_on_call() {  # write_on_call FILE WAS DIGEST: `payload` prints it; where others changed the file since, nothing
  now=$(digest "$1")
  if [ "$now" != "$3" ]; then
    [ "$now" = "$2" ] || fail "$1 is not as it was read: plan anew"
    if [ -z "$3" ]; then
      rm -f -- "$1"
    else
      payload >"$1.next.$$"
      [ "$(digest "$1.next.$$")" = "$3" ] || fail "the text did not arrive whole"
      publish_on_call "$1"
    fi
  elif [ -n "$3" ]; then
    chown root:root -- "$1"
    chmod "$(mode_of "$1")" -- "$1"
  fi
}

leave_on_call() {  # leave_on_call FILE: take the user's lines out; the file is then as it is written without them
  if ! [ -f "$1" ]; then return 0; fi
  next=$1.next.$$
  was=$(grep -v '^#' "$1" | sha256sum | cut -d' ' -f1)
  grep -v '^#' "$1" | awk -v user="$user" '$1 != user && index($0, ":" user "@") != 1' >"$next.rules"
  if [ -s "$next.rules" ]; then
    digest=$(digest "$next.rules")
    # One that others changed does not become ours by it: its first lines stay what they were.
    grep '^#' "$1" | sed "s/^# rules $was\$/# rules $digest/" >"$next"
    cat "$next.rules" >>"$next"
    publish_on_call "$1"
  else
    rm -f -- "$1"
  fi
  rm -f -- "$next.rules"
}

unlock() {
  case $(field /etc/shadow 2) in '!'?*) usermod -U "$user" ;; esac
}

main() {
  verb=$1
  case $verb in
    describe_by_shift)
      shift
      describe_by_shift "$@"
      return 0
      ;;
    WriteOnCall)
      write_on_call "$ONCALL" "$2" "$3"
      return 0
      ;;
    WriteLogins)
      write_on_call "$LOGINS" "$2" "$3"
      return 0
      ;;
  esac
  user=$2
  shift 2
  home=$(field /etc/passwd 6)
  if [ "$verb" = describe ]; then
    describe
    return 0
  fi
  if [ "$verb" = LeaveOnCall ]; then # of a user from a directory too
    leave_on_call "$LOGINS"
    leave_on_call "$ONCALL"
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
    PutBackWithout) put_back_without "$1" "$2" "$3" ;;
    RevokeKeys) revoke_keys "$1" "$2" ;;
    GiveKeysBack) give_keys_back "$1" "${2:-}" ;;
    JoinGroup) gpasswd -a "$user" "$1" >/dev/null ;;
    UnlockPassword) unlock ;;
    EmptyPassword) passwd -d "$user" >/dev/null ;;
    SetExpiry) usermod --expiredate "$1" "$user" ;;
    *) fail "no such verb: $verb" ;;
  esac
}

main "$@" </dev/null
