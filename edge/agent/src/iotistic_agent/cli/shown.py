"""The agent's answers as text for people; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from iotistic_agent.cli.shown_actions import override, step
from iotistic_agent.cli.tables import clean, duration, facts, table

__all__ = [
    "app",
    "apps",
    "config",
    "log_line",
    "plan",
    "provisioning",
    "service",
    "service_line",
    "services",
    "status",
]

Json = Mapping[str, Any]


def status(device: Json, health: Json) -> str:
    """Return the device at a glance."""
    connection, metrics = device["connection"], device["metrics"]
    subscribed = "broker subscribed" if connection["brokerSubscribed"] else "no broker"
    counted = ", ".join(f"{number} {state}" for state, number in sorted(device["services"].items()))
    rows: list[tuple[str, object]] = [
        ("device", f"{device['uuid']} {device['name'] or ''}".strip()),
        ("agent", f"{device['agentVersion']} on {device['osVersion'] or 'an unknown system'}"),
        ("health", health["status"]),
        ("cloud", f"{connection['state']}, {subscribed}"),
        ("api", device["endpoint"]),
        ("link", _link(device["link"])),
        ("outbox", _outbox(device["outbox"])),
        ("target", _target(device)),
        ("services", counted or "none"),
        ("machine", _machine(metrics)),
    ]
    if device["failure"]:
        rows.append(("failure", f"{device['failure']['type']}: {device['failure']['message']}"))
    rows += [("updates held by", why) for why in device["held"]]
    if device["engineFault"]:
        rows.append(("engine", device["engineFault"]))
    return facts(rows)


def services(rows: Sequence[Json]) -> str:
    """Return a line for each service."""
    head = ("SERVICE", "NAME", "APP", "STATE", "WANTED", "HEALTH", "CONTAINER", "IMAGE")
    return table(
        head,
        [
            (
                row["serviceId"],
                row["serviceName"],
                row["appId"],
                row["state"],
                row.get("wantedState"),
                row.get("health"),
                (row.get("containerId") or "")[:12],
                row.get("image"),
            )
            for row in rows
        ],
    ) + "".join(f"\n{line}" for row in rows for line in (*_held(row), *_error(row)))


def service(row: Json) -> str:
    """Return everything about one service."""
    container = row.get("container") or {}
    shown: list[tuple[str, object]] = [
        ("service", row["serviceId"]),
        ("name", row["serviceName"]),
        ("app", f"{row['appId']} {row['appName']}"),
        ("image", row.get("image")),
        ("digest", row.get("imageDigest")),
        ("state", row["state"]),
        ("wanted", row.get("wantedState")),
        ("held", override(row.get("localOverride"))),
        ("health", row.get("health")),
        ("container", container.get("name")),
        ("container id", container.get("id")),
        ("exit code", container.get("exitCode")),
        ("ports", _listed(row.get("ports"))),
        ("volumes", _listed(row.get("volumes"))),
        ("networks", _listed(row.get("networks"))),
        ("depends on", _listed(f"{k} ({v})" for k, v in row.get("dependsOn", {}).items())),
        ("environment", _listed(row.get("environment"))),
        ("secrets", _listed(row.get("secrets"))),
    ]
    shown += [("differs", f"{each['field']}: {each['detail']}") for each in row["differences"]]
    shown += [("error", line) for line in _error(row)]
    return facts(shown)


def apps(rows: Sequence[Json]) -> str:
    """Return a line for each app."""
    return table(
        ("APP", "NAME", "SERVICES", "AS WANTED"),
        [
            (
                row["appId"],
                row["appName"],
                len(row["services"]),
                sum(1 for each in row["services"] if each["asWanted"]),
            )
            for row in rows
        ],
    )


def app(row: Json) -> str:
    """Return one app with its services."""
    purge = row["purge"] or {}
    rows = [("app", row["appId"]), ("name", row["appName"])]
    rows += [("purged by", f"{purge['owner']}: {purge['reason']}")] if purge else []
    rows += [("purge waits", purge["error"])] if purge.get("error") else []
    return f"{facts(rows)}\n\n{services(row['services'])}"


def plan(found: Json, *, explain: bool) -> str:
    """Return the steps, and with ``explain`` the fields that make them necessary."""
    lines = [step(each) for each in found["steps"]]
    if not lines:
        waiting = [row for row in found["services"] if row["state"] != "refused"]
        lines = ["nothing to do now" if waiting else "nothing to do: everything is as wanted"]
    if explain:
        for row in found["services"]:
            name = clean(f"{row['serviceId']} ({row['serviceName']})")
            lines.append("")
            lines.append(f"service {name}: {clean(row['state'])}")
            lines += [
                f"  {clean(each['field'])}: {clean(each['detail'])}" for each in row["differences"]
            ]
            lines += [f"  {line}" for line in _error(row)]
    return "\n".join(lines)


def config(found: Json) -> str:
    """Return each setting with its source, then policy and places."""
    settings = table(
        ("SETTING", "VALUE", "FROM"),
        [(name, row["value"], row["source"]) for name, row in found["settings"].items()],
    )
    others = {
        "api": found["api"]["endpoint"],
        "pollIntervalOfServerMs": found["pollIntervalOfServerMs"],
        "pollIntervalInUseMs": found["pollIntervalInUseMs"],
        **{f"policy.{name}": _plain(value) for name, value in found["policy"].items()},
        **found["places"],
    }
    return f"{settings}\n\n{facts(others.items())}"


def provisioning(found: Json) -> str:
    """Return how far the registration is."""
    rows: list[tuple[str, object]] = [
        ("state", found["state"].replace("_", " ")),
        ("api", found["registeredAt"] or found["api"]),
        ("key", found["keyId"]),
        ("registration", found["registration"]),
        ("customer", found["customerId"]),
    ]
    if found["reason"]:
        rows.append(("reason", found["reason"]))
    if found["nextTryInSeconds"]:
        rows.append(("next try in", duration(found["nextTryInSeconds"])))
    return facts(rows)


def log_line(line: Json) -> str:
    """Return one line of the agent's own log."""
    fixed = ("at", "level", "component", "event")
    more = " ".join(f"{name}={value}" for name, value in line.items() if name not in fixed)
    head = f"{line['at']} {line['level']:<7} {line['component']}: {line['event']}"
    return clean(f"{head} {more}".rstrip())


def service_line(line: Json) -> str:
    """Return one line of a container; tabs stay."""
    return "\t".join(clean(part) if part else "" for part in line["message"].split("\t"))


def _target(device: Json) -> str:
    if device["targetVersion"] is None:
        return "none yet"
    applied = device["appliedVersion"]
    return f"version {device['targetVersion']}, {device['status']} (applied: {clean(applied)})"


def _link(link: Json) -> str:
    used, budget = link["usedBytes"] / 1e6, link["budgetBytes"]
    of = "" if budget is None else f" of {budget / 1e6:g}"
    held = f", waiting for next month: {_listed(link['throttled'])}" if link["throttled"] else ""
    return f"{link['profile']}, {used:.1f}{of} MB in {link['month']}{held}"


def _outbox(outbox: Json) -> str:
    parts = []
    for word in ("waiting", "dropped", "refused"):
        counts = ", ".join(f"{count} {lane}" for lane, count in sorted(outbox[word].items()))
        parts += [f"{word}: {counts}"] if counts else []
    return "; ".join(parts) or "empty"


def _machine(metrics: Json) -> str:
    parts = []
    if "cpu_usage" in metrics:
        parts.append(f"cpu {metrics['cpu_usage']} %")
    if "cpu_temp" in metrics:
        parts.append(f"{metrics['cpu_temp']} °C")
    parts += [
        f"{kind} {metrics[f'{kind}_usage']}/{metrics[f'{kind}_total']} MB"
        for kind in ("memory", "storage")
        if f"{kind}_usage" in metrics
    ]
    if "uptime" in metrics:
        parts.append(f"up {duration(metrics['uptime'])}")
    return ", ".join(parts)


def _held(row: Json) -> list[str]:
    held = override(row.get("localOverride"))
    return [clean(f"{row['serviceId']}: {held}")] if held else []


def _error(row: Json) -> list[str]:
    error = row.get("error")
    if not error:
        return []
    again = f"; next try {error['nextRetry']}" if error.get("nextRetry") else ""
    return [clean(f"{row['serviceId']}: {error['type']}: {error['message']}{again}")]


def _listed(values: Any) -> str:
    return ", ".join(str(each) for each in values or ())


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "allowed" if value else "denied"
    return (_listed(value) or "denied") if isinstance(value, list | tuple) else value
