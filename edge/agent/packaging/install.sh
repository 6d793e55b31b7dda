#!/bin/sh
# Installs the agent on this machine, or brings the one that is there up to this release.
# It is signed: verify install.sh.sig before you run it. Each step can be cut and repeated.

set -eu
umask 077
export LC_ALL=C

# What the release is; tools/release.py sets it. A line for each architecture: its name, file,
# SHA-256, size in bytes, and the versions of Python that the file has wheels for. The key is what
# the agent verifies later releases by.
VERSION='@VERSION@'
RELEASED='@RELEASED@'
KEY='@KEY@'
BUNDLES='@BUNDLES@'

MARK=.iotistic-agent
UNIT=/etc/systemd/system/iotistic-agent.service

usage() {
    cat <<'TEXT'
usage: sh install.sh --from URL|FOLDER [...]
       sh install.sh --uninstall [--purge] [--prefix DIR] [--state DIR]

  --from URL|FOLDER      where the release's files are, such as https://api.example.org:3002/install
  --key-file FILE        read the provisioning string (iotp1...) from FILE, "-" is standard input;
                         without it you are asked on the terminal, and nothing is shown
  --prefix DIR           where the program goes (root: /opt/iotistic, else ~/.local/share/iotistic)
  --state DIR            where its data goes (root: /var/lib/iotistic, else ~/.local/state/iotistic)
  --name NAME            what the device is called (this machine's name)
  --docker-host SOCKET   the container engine (unix:///var/run/docker.sock)
  --start                start it in the background, also where systemd would
  --not-older-than TIME  refuse if this script is of an older release (YYYYMMDDhhmmss)
  --downgrade            replace a newer release
  --uninstall            stop it and remove the program; its data and containers stay
  --purge                with --uninstall: remove its data, too
TEXT
}

say() { printf 'install: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
wrong() { say "$*"; usage >&2; exit 2; }

# --- what is asked for -------------------------------------------------------------------------

read_arguments() {
    from='' key_file='' prefix='' state='' name='' engine='' not_older='' start='' downgrade=''
    uninstall='' purge=''
    while [ $# -gt 0 ]; do
        case $1 in
            --start) start=yes ;;
            --downgrade) downgrade=yes ;;
            --uninstall) uninstall=yes ;;
            --purge) purge=yes ;;
            -h | --help) usage; exit 0 ;;
            --from | --key-file | --prefix | --state | --name | --docker-host | --not-older-than)
                [ $# -ge 2 ] && [ -n "$2" ] || wrong "$1 needs a value"
                take "$1" "$2"
                shift ;;
            # Never repeated: it may be the secret string itself.
            *) wrong "an argument that isn't known (a provisioning string is never an argument)" ;;
        esac
        shift
    done
    [ -z "$purge" ] || [ -n "$uninstall" ] || wrong "--purge goes with --uninstall"
    [ -n "$uninstall" ] || [ -n "$from" ] || wrong "--from is needed"
    case $not_older in *[!0-9]*) wrong "--not-older-than takes digits" ;; esac
}

take() {
    case $1 in
        --from) from=${2%/}
            case $2 in *://* | /*) ;; *) from=$(pwd)/$from ;; esac ;;
        --key-file) key_file=$2 ;;
        --prefix) prefix=$2 ;;
        --state) state=$2 ;;
        --name) name=$2 ;;
        --docker-host) engine=$2 ;;
        --not-older-than) not_older=$2 ;;
    esac
}

# What wasn't said now holds as it was said last time.
settle() {
    root=''
    [ "$(id -u)" != 0 ] || root=yes
    policy=''
    if [ -n "$prefix" ]; then
        policy=$prefix/etc/policy.json
    elif [ -n "$root" ]; then
        prefix=/opt/iotistic policy=/etc/iotistic/policy.json
    else
        prefix=${HOME:?}/.local/share/iotistic policy=$prefix/etc/policy.json
    fi
    env_file=$prefix/etc/agent.env release_key=$prefix/etc/release.pem
    [ -n "$state" ] || state=$(setting STATE_DIR)
    [ -n "$name" ] || name=$(setting DEVICE_NAME)
    [ -n "$engine" ] || engine=$(setting DOCKER_HOST)
    if [ -z "$state" ]; then
        if [ -n "$root" ]; then state=/var/lib/iotistic; else state=${HOME:?}/.local/state/iotistic; fi
    fi
    [ -n "$name" ] || name=$(uname -n)
    [ -n "$engine" ] || engine=unix:///var/run/docker.sock
    check_path --prefix "$prefix"
    check_path --state "$state"
    check_path --docker-host "${engine#unix://}"
    case $engine in unix:///*) ;; *) wrong "--docker-host is unix:///..." ;; esac
    case $name in
        *[!A-Za-z0-9._-]*) wrong "--name takes letters, digits, '.', '_' and '-'" ;;
    esac
    [ "${#name}" -le 64 ] || wrong "--name has at most 64 characters"
    key=$state/provisioning-key pid_file=$state/agent.pid log=$state/agent.log
}

# Paths stand in the unit and in files that a shell reads: only what needs no quotes is taken.
check_path() {
    case $2 in
        *[!A-Za-z0-9/._+-]* | */../* | */.. | *//*) wrong "$1: not a path that is taken: $2" ;;
        /?*) ;;
        *) wrong "$1 is an absolute path" ;;
    esac
}

setting() {
    [ ! -f "$env_file" ] || sed -n "s/^$1=//p" "$env_file"
}

# A folder is ours when it has our mark; one that holds something else isn't touched.
is_free() {
    [ ! -e "$1" ] || [ -e "$1/$MARK" ] || [ -z "$(ls -A "$1")" ] || [ -e "$1/device.sqlite" ] ||
        die "$1 holds something that isn't ours: nothing was changed. Choose another folder."
}

claim() {
    mkdir -p "$1"
    chmod "$2" "$1"
    [ -e "$1/$MARK" ] || : >"$1/$MARK"
}

TRUSTED=@python trusted.py@

# Root runs what is in these folders, so nobody else may change them.
check_owners() {
    [ -n "$root" ] || return 0
    "$python" -I -c "$TRUSTED" "$prefix" "$state" || exit 1
}

alone() {
    command -v flock >/dev/null || return 0
    exec 9>>"$prefix/.lock"
    flock -w 120 9 || die "another install is at work in $prefix"
}

@include machine.sh@

@include key.sh@

@include program.sh@

@include service.sh@

@include uninstall.sh@

main() {
    read_arguments "$@"
    settle
    if [ -n "$uninstall" ]; then
        remove
        return 0
    fi
    check_release
    preflight
    check_owners
    if has_systemd; then
        if [ -n "$start" ]; then check_start; else check_unit; fi
    fi
    read_key
    changed=''
    is_free "$prefix"
    is_free "$state"
    claim "$prefix" 755
    claim "$state" 700
    alone
    install_program
    store_key
    write_settings
    make_current
    [ -S "${engine#unix://}" ] || say "no container engine is at ${engine#unix://} yet: the agent waits for it"
    run_it
    say "ask it with: $prefix/bin/iotctl status"
    if [ -n "$changed" ]; then say "release $VERSION is installed"; else say "nothing had to be changed"; fi
}

main "$@"
