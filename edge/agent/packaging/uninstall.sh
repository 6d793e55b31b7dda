# --- taking it away ----------------------------------------------------------------------------

remove() {
    if [ ! -e "$prefix/$MARK" ]; then
        say "nothing is installed in $prefix"
    else
        alone
        if is_our_unit; then
            has_systemd && systemctl disable --quiet --now iotistic-agent.service
            rm -f "$UNIT"
            ! has_systemd || systemctl daemon-reload
        fi
        stop_background
        remove_program
    fi
    if [ -n "$purge" ] && [ -e "$state/$MARK" ]; then
        rm -rf "$state"
        say "its data in $state is gone"
    elif [ -n "$purge" ] && [ -d "$state" ]; then
        say "$state isn't ours: it stays"
    elif [ -d "$state" ]; then
        say "its data in $state stays (--purge removes it), and so do its containers"
    fi
}

# The mark goes last: a removal that was cut is one that can be repeated.
remove_program() {
    for link in current previous new; do rm -f "$prefix/$link" "$prefix/.$link.new"; done
    for environment in "$prefix"/*/pyvenv.cfg; do
        [ ! -e "$environment" ] || rm -rf "${environment%/pyvenv.cfg}"
    done
    rm -rf "$prefix/.download" "${prefix:?}/bin"
    rm -f "$env_file" "$env_file.new" "$release_key" "$prefix/.trial" "$prefix/.lock" "$prefix/$MARK"
    rmdir "$prefix/etc" 2>/dev/null || true
    rmdir "$prefix" 2>/dev/null || say "your own files in $prefix stay"
}
