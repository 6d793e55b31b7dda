# --- the provisioning string -------------------------------------------------------------------

# It comes from a file, from standard input or from the terminal; it stands in no argument list.
read_key() {
    string=''
    if [ "$key_file" = - ]; then
        IFS= read -r string || [ -n "$string" ] || die "standard input has no provisioning string"
    elif [ -n "$key_file" ]; then
        [ -r "$key_file" ] || die "can't read $key_file"
        IFS= read -r string <"$key_file" || [ -n "$string" ] || die "$key_file is empty"
    elif [ -s "$key" ] || [ -s "$state/device.sqlite" ]; then
        return 0
    elif [ -t 0 ]; then
        ask_key
    else
        IFS= read -r string || [ -n "$string" ] ||
            die "a provisioning string is needed: on the terminal, by standard input or --key-file"
    fi
    case $string in
        iotp1.*.*@*) ;;
        *) die "that is no provisioning string (iotp1.<id>.<secret>.<pin>@<host>); nothing was changed" ;;
    esac
}

ask_key() {
    terminal=$(stty -g)
    trap 'stty "$terminal"' EXIT
    trap 'exit 130' INT TERM HUP
    stty -echo
    printf 'Provisioning string (iotp1..., it is not shown): ' >&2
    IFS= read -r string || true
    stty "$terminal"
    trap - EXIT INT TERM HUP
    printf '\n' >&2
}

CHECK=@python check_key.py@

store_key() {
    [ -n "$string" ] || return 0
    printf '%s\n' "$string" | "$folder/bin/python" -I -c "$CHECK" ||
        die "the provisioning string is wrong: nothing was changed but the program in $folder"
    put "$key" 600 <<TEXT
$string
TEXT
    string=''
}
