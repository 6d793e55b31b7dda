# --- running it --------------------------------------------------------------------------------

has_systemd() {
    [ -n "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

# It sees the machine's own folders, as it compares paths that the engine would mount; so no private
# /tmp, /dev or /home. Root needs no capability for its own files and for the engine's socket.
# It writes its own folder when it upgrades itself.
write_unit() {
    put "$UNIT" 644 <<TEXT
[Unit]
Description=Iotistic agent
Wants=network-online.target
After=network-online.target docker.service time-sync.target
StartLimitIntervalSec=0

[Service]
Type=simple
EnvironmentFile=$env_file
EnvironmentFile=-$prefix/etc/local.env
ExecStart=$prefix/current/bin/iotistic-agent
Restart=always
RestartSec=10
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=$state $prefix
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
TEXT
}

check_unit() {
    [ ! -f "$UNIT" ] || is_our_unit ||
        die "this machine runs an agent from another folder ($UNIT): uninstall it, or use --start"
}

is_our_unit() { grep -qx "EnvironmentFile=$env_file" "$UNIT" 2>/dev/null; }

# One that is enabled comes at the next start of the machine, or is about to be tried again.
check_start() {
    is_our_unit || return 0
    if systemctl is-active --quiet iotistic-agent.service ||
        systemctl is-enabled --quiet iotistic-agent.service; then
        die "systemd runs this agent: leave --start out, or first: systemctl disable --now iotistic-agent.service"
    fi
}

run_by_systemd() {
    write_unit
    [ -z "$changed" ] || systemctl daemon-reload
    ! running || changed=yes
    stop_background
    systemctl is-enabled --quiet iotistic-agent.service ||
        { systemctl enable --quiet iotistic-agent.service; changed=yes; }
    if ! systemctl is-active --quiet iotistic-agent.service; then
        systemctl start iotistic-agent.service
        changed=yes
    elif [ -n "$changed" ]; then
        systemctl restart iotistic-agent.service
    fi
    say "it runs as iotistic-agent.service; its log: journalctl -u iotistic-agent"
}

running() {
    [ -f "$pid_file" ] && pid=$(cat "$pid_file") && [ -n "$pid" ] &&
        tr '\000' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$prefix/current/bin/iotistic-agent"
}

stop_background() {
    if running; then
        kill "$pid"
        waited=0
        while running && [ "$waited" -lt 30 ]; do sleep 1; waited=$((waited + 1)); done
        ! running || kill -9 "$pid"
    fi
    rm -f "$pid_file"
}

run_in_background() {
    if running && [ -z "$changed" ]; then return 0; fi
    stop_background
    [ -f "$log" ] || : >"$log"
    logged=$(wc -c <"$log")
    # It writes its number itself before it becomes the agent: none runs that isn't known.
    # shellcheck disable=SC2016
    nohup sh -c 'printf "%s\n" "$$" >"$1" && exec "$2"' sh "$pid_file" "$prefix/bin/iotistic-agent" \
        >>"$log" 2>&1 </dev/null 9>&- &
    changed=yes
    await_start
    say "it runs in the background (process $pid) until this machine restarts; its log: $log"
}

# A small machine takes a while to read Python's libraries.
await_start() {
    waited=0
    until tail -c "+$((logged + 1))" "$log" | grep -q '"event": "started"'; do
        sleep 1
        waited=$((waited + 1))
        pid=$(cat "$pid_file" 2>/dev/null) || pid=''
        if [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null || [ "$waited" -ge 120 ]; then
            tail -n 3 "$log" >&2
            die "the agent doesn't start; all of it is in $log"
        fi
    done
    pid=$(cat "$pid_file")
}

run_it() {
    if [ -n "$start" ]; then
        run_in_background
    elif has_systemd; then
        run_by_systemd
    elif running; then
        [ -z "$changed" ] || run_in_background
    else
        say "start it with: $prefix/bin/iotistic-agent"
    fi
}
