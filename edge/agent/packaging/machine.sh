# --- what this machine is ----------------------------------------------------------------------

PROBE=@python probe.py@

find_python() {
    python='' older='' without=''
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        found=$(command -v "$candidate") || continue
        facts=$("$found" -I -c "$PROBE" 2>/dev/null) || continue
        python_version=${facts%% *}
        if [ "${python_version%%.*}" != 3 ] || [ "${python_version#*.}" -lt 11 ]; then
            older=$python_version
        elif [ "$(word 2 "$facts")" != venv ]; then
            without=$found
        else
            python=$found
            return
        fi
    done
    [ -z "$without" ] ||
        die "$without is without venv. Debian, Raspberry Pi OS: sudo apt-get install python3-venv"
    [ -z "$older" ] ||
        die "Python $older is too old: 3.11 or later is needed. It comes with Debian 12 and Raspberry Pi OS 12 (bookworm); upgrade the system."
    die "Python 3.11 or later is needed. Debian, Raspberry Pi OS: sudo apt-get install python3 python3-venv"
}

word() { printf '%s\n' "$2" | cut -d ' ' -f "$1"; }

preflight() {
    find_python
    arch=$(word 3 "$facts")
    [ "$(word 4 "$facts")" = glibc ] || die "this system's C library isn't glibc: there are no wheels for it"
    line=$(printf '%s\n' "$BUNDLES" | grep "^$arch ") || unknown_architecture
    bundle=$(word 2 "$line") digest=$(word 3 "$line") size=$(word 4 "$line")
    case ",$(word 5 "$line")," in
        *",$python_version,"*) ;;
        *) die "this release has no wheels for Python $python_version on $arch, only for $(word 5 "$line")" ;;
    esac
    model=''
    [ ! -r /sys/firmware/devicetree/base/model ] ||
        model=$(tr -d '\000' </sys/firmware/devicetree/base/model)
    say "release $VERSION for $arch, Python $python_version${model:+, $model}"
    # The bundle, its wheels, and four times as much once they are installed; the environment.
    room "$prefix" $((size * 6 / 1024 + 20480))
    room "$state" 10240
}

unknown_architecture() {
    case $arch in
        armv7l) die "this release has nothing for a 32-bit system ($arch). A Raspberry Pi Zero 2, 3, 4 or 5 runs the 64-bit Raspberry Pi OS." ;;
        armv6l) die "this machine's processor ($arch) is too old: a Raspberry Pi Zero 2 or later is needed" ;;
    esac
    die "this release has nothing for $arch, only for: $(printf '%s\n' "$BUNDLES" | cut -d ' ' -f 1 | tr '\n' ' ')"
}

room() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$2" ] || die "$folder has $((free / 1024)) MB free, $(($2 / 1024)) MB are needed"
}

check_release() {
    case $RELEASED in *[!0-9]* | '') die "this script is no release: build one with tools/release.py" ;; esac
    [ -z "$not_older" ] || [ "$RELEASED" -ge "$not_older" ] ||
        die "this is release $VERSION of $RELEASED, older than $not_older: somebody offers an old one"
    there=$(cat "$prefix/current/complete" 2>/dev/null) || there=0
    [ -n "$downgrade" ] || [ "$RELEASED" -ge "${there:-0}" ] ||
        die "a newer release is installed (of $there, this is of $RELEASED): --downgrade replaces it"
}
