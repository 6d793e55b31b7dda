"""The agent's numbers in Prometheus' text exposition format (version 0.0.4); pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iotistic_agent.signals import Situation
from iotistic_contract.planning.containers import EngineState, is_as_wanted

__all__ = ["Measures", "exposition"]

_LINKS = ("online", "degraded", "offline")
Family = tuple[str, str, str, Iterable[tuple[Mapping[str, str], float | None]]]
"""Name, type, help, and labels with their value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What there is to tell; None is not known."""

    uuid: str
    version: str
    situation: Situation | None
    link: str
    subscribed: bool
    registered: bool
    latency_ms: float | None
    looks: int
    look_seconds: float | None
    looked_ago: float | None
    leases: int
    machine: Mapping[str, object] = field(default_factory=dict)


def exposition(measures: Measures) -> str:
    """Return the text, one family after the other; what isn't known is left out."""
    lines: list[str] = []
    for name, kind, words, samples in _families(measures):
        found = [(labels, value) for labels, value in samples if value is not None]
        if found:
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{_labels(labels)} {value:g}" for labels, value in found]
    return "\n".join(lines) + "\n"


def _families(m: Measures) -> Iterator[Family]:
    who = {"version": m.version, "uuid": m.uuid}
    yield "iotistic_agent_info", "gauge", "The agent that answers.", [(who, 1)]
    yield "iotistic_registered", "gauge", "Whether the device is registered.", _one(m.registered)
    states = [({"state": each}, float(each == m.link)) for each in _LINKS]
    yield "iotistic_link_state", "gauge", "How the talk with the cloud goes.", states
    yield "iotistic_broker_subscribed", "gauge", "Whether MQTT tells news.", _one(m.subscribed)
    latency = None if m.latency_ms is None else m.latency_ms / 1000
    yield "iotistic_cloud_latency_seconds", "gauge", "Round trip of the last poll.", _one(latency)
    yield "iotistic_reconcile_looks_total", "counter", "Looks at the engine.", _one(m.looks)
    took = "How long the last look took."
    yield "iotistic_reconcile_look_seconds", "gauge", took, _one(m.look_seconds)
    yield "iotistic_reconcile_age_seconds", "gauge", "Time since it.", _one(m.looked_ago)
    yield "iotistic_leases", "gauge", "Leases that hold updates.", _one(m.leases)
    if m.situation is not None:
        yield from _of(m.situation)
    for name, value in sorted(m.machine.items()):
        if isinstance(value, bool | int | float):
            words = f"The machine's {name} as reported."
            yield f"iotistic_machine_{name}", "gauge", words, _one(float(value))


def _of(situation: Situation) -> Iterator[Family]:
    states = [each.state for each in situation.world.containers]
    counted = [({"state": str(each)}, float(states.count(each))) for each in EngineState]
    yield "iotistic_containers", "gauge", "Containers of the device.", counted
    wanted = situation.services
    right = sum(1 for each in wanted if is_as_wanted(situation.world, each))
    yield "iotistic_services", "gauge", "Services of the target.", _one(len(wanted))
    yield "iotistic_services_as_wanted", "gauge", "Those that are as wanted.", _one(right)
    refused = len(situation.target.refused) if situation.target else 0
    yield "iotistic_services_refused", "gauge", "Services that are refused.", _one(refused)
    failing = "Things that failed and wait for their next try."
    yield "iotistic_retries", "gauge", failing, _one(len(situation.retries))
    yield "iotistic_pulls", "gauge", "Images on their way.", _one(len(situation.pulling))
    answers = situation.engine_fault is None
    yield "iotistic_engine_up", "gauge", "Whether the container engine answers.", _one(answers)
    choice = situation.choice
    if choice is not None:
        held = "Whether a newer target has to wait."
        yield "iotistic_updates_held", "gauge", held, _one(bool(choice.held))
        local = "Services that people hold in a state."
        yield "iotistic_local_overrides", "gauge", local, _one(len(choice.overrides))


def _one(value: float | None) -> list[tuple[Mapping[str, str], float | None]]:
    return [({}, None if value is None else float(value))]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
