# --- the program -------------------------------------------------------------------------------

# Certificates aren't verified: what comes is taken only with the SHA-256 of this signed script.
FETCH=@python fetch.py@

usable() {
    [ -f "$folder/complete" ] && "$folder/bin/python" -I -c 'import iotistic_agent' 2>/dev/null
}

# An environment's path stands in its programs, so it is made where it stays; `complete` comes last.
install_program() {
    folder=$prefix/$VERSION
    if usable; then
        note_release
        return 0
    fi
    say "downloading $((size / 1048576)) MB"
    rm -rf "$prefix/.download"
    mkdir "$prefix/.download"
    "$python" -I -c "$FETCH" "$from/$bundle" "$prefix/.download/bundle" "$size" "$digest" ||
        { rm -rf "$prefix/.download"; die "nothing was installed"; }
    say "installing into $folder"
    rm -rf "$folder"
    mkdir "$prefix/.download/wheels"
    tar -xf "$prefix/.download/bundle" -C "$prefix/.download/wheels"
    make_environment
    # shellcheck disable=SC2086
    (umask 022 && "$folder/bin/python" -I $pip --isolated install --quiet \
        --disable-pip-version-check --no-index --no-cache-dir --require-hashes \
        --find-links "$prefix/.download/wheels" \
        --requirement "$prefix/.download/wheels/requirements.txt" 9>&-) ||
        die "the wheels can't be installed; run this again"
    cat "$prefix/.download/wheels/requirements.txt" >"$folder/requirements.txt"
    rm -rf "$prefix/.download"
    sync -f "$folder" 2>/dev/null || sync
    note_release
}

note_release() {
    put "$folder/complete" 644 <<TEXT
$RELEASED
TEXT
}

# Python's own wheel of pip does without being installed: half the room, a fraction of the time.
make_environment() {
    pip=$(word 5 "$facts")
    if [ "$pip" = - ]; then
        pip='-m pip'
        (umask 022 && "$python" -I -m venv "$folder")
    else
        pip=$pip/pip
        (umask 022 && "$python" -I -m venv --without-pip "$folder")
    fi
}

make_current() {
    end_trial
    before=$(readlink "$prefix/current") || before=''
    [ "$before" != "$VERSION" ] || return 0
    [ -z "$before" ] || point previous "$before"
    point current "$VERSION"
    changed=yes
    for old in "$prefix"/*/pyvenv.cfg; do
        old=${old%/pyvenv.cfg}
        case ${old##*/} in
            "$VERSION" | "$before" | current | previous | '*') ;;
            *) rm -rf "$old" ;;
        esac
    done
}

# What a person installs takes the place of what an order began.
end_trial() {
    [ -L "$prefix/new" ] || return 0
    rm -f "$prefix/new"
    changed=yes
}

point() {
    ln -sfn "$2" "$prefix/.$1.new"
    mv -fT "$prefix/.$1.new" "$prefix/$1"
}

# Standard input becomes the file, at one stroke, unless it is so already. Behind a pipe it would
# run in a shell of its own, and `changed` be lost.
put() {
    rm -f "$1.new"
    (set -C && cat >"$1.new")
    chmod "$2" "$1.new"
    if cmp -s "$1.new" "$1"; then
        rm -f "$1.new"
    else
        sync "$1.new" 2>/dev/null || sync
        mv -f "$1.new" "$1"
        changed=yes
    fi
    chmod "$2" "$1"
}

write_settings() {
    mkdir -p "$prefix/etc" "$prefix/bin"
    chmod 755 "$prefix/bin"
    put "$release_key" 644 <<TEXT
$KEY
TEXT
    put "$env_file" 600 <<TEXT
# Written by install.sh; what you add belongs into local.env beside it.
STATE_DIR=$state
PROVISIONING_API_KEY_FILE=$key
POLICY_FILE=$policy
RELEASE_KEY_FILE=$release_key
DEVICE_NAME=$name
DOCKER_HOST=$engine
TEXT
    put "$prefix/bin/iotistic-agent" 755 <<TEXT
#!/bin/sh
# Runs the agent as it was installed.
set -a
. $env_file
[ ! -f $prefix/etc/local.env ] || . $prefix/etc/local.env
exec $prefix/current/bin/iotistic-agent
TEXT
    put "$prefix/bin/iotctl" 755 <<TEXT
#!/bin/sh
# Asks the agent that is installed here.
set -a
LOCAL_API_SOCKET=$state/agent.sock
[ ! -r $prefix/etc/local.env ] || . $prefix/etc/local.env
exec $prefix/current/bin/iotctl "\$@"
TEXT
}
