"""Routes that change something: registration, and its end."""

from collections.abc import Mapping
from typing import Any

from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_agent.departure import Leave
from iotistic_agent.enrolment import Progress, Told
from iotistic_agent.logs import Component, log
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractError, MalformedJson
from iotistic_contract.problems import Code
from iotistic_contract.provisioning import ProvisioningString

__all__ = [
    "CONFIRM_SCHEMA",
    "PROVISION_SCHEMA",
    "deprovision",
    "factory_reset",
    "provision",
    "provisioning",
]

_TEXT = {"type": "string", "minLength": 1, "maxLength": 64}
PROVISION_SCHEMA = {
    "type": "object",
    "required": ["key"],
    "additionalProperties": False,
    "properties": {
        "key": {"type": "string", "description": "the whole string, iotp1…"},
        "api": {"type": "string", "description": "refused when it isn't the string's"},
        "name": _TEXT,
        "type": _TEXT,
    },
}
CONFIRM_SCHEMA = {
    "type": "object",
    "required": ["confirm"],
    "additionalProperties": False,
    "properties": {"confirm": {"type": "string", "description": "the device's uuid"}},
}
_MEMBERS = ("key", "api", "name", "type")


async def provisioning(inside: Inside, _request: Request) -> Answer:
    """Show how far the registration is; of the string only its id and address."""
    return Answer(_shown(inside))


async def provision(inside: Inside, request: Request) -> Answer:
    """Take a string and register with it; 202, and ``GET`` tells how it goes.

    409 when the device is registered and its key is taken.
    """
    told = _told(request.body)
    if inside.enrolment.progress is Progress.REGISTERED:
        registration = inside.store.identity.registration()
        where = "" if registration is None else f" at {registration.endpoint}"
        raise Problem(Code.ALREADY_REGISTERED, f"the device is registered{where}")
    inside.enrolment.take(told)
    log(Component.PROVISIONING).info("string_given", extra={"key_id": told.string.key_id})
    return Answer(_shown(inside), 202)


async def deprovision(inside: Inside, request: Request) -> Answer:
    """Forget the registration, uuid and API key excepted; 202, and ``GET`` tells when it is done.

    Nothing is sent, and containers go on.
    """
    return _left(inside, request, Leave.DEPROVISION)


async def factory_reset(inside: Inside, request: Request) -> Answer:
    """Release the device at its tenant and erase everything; 202."""
    return _left(inside, request, Leave.FACTORY_RESET)


def _left(inside: Inside, request: Request, how: Leave) -> Answer:
    body = _object(request.body)
    for name in body:
        if name != "confirm":
            raise Problem(Code.INVALID, "no such member", f"/{name}")
    if body.get("confirm") != inside.uuid:
        raise Problem(Code.INVALID, "not this device's uuid", "/confirm")
    inside.departures.begin(how, inside.uuid)
    log(Component.PROVISIONING).warning("asked_to_leave", extra={"how": str(how)})
    return Answer(_shown(inside), 202)


def _shown(inside: Inside) -> dict[str, object]:
    enrolment, registration = inside.enrolment, inside.store.identity.registration()
    string = None if enrolment.told is None else enrolment.told.string
    departure = inside.departures.current()
    return {
        "state": str(enrolment.progress),
        "leaving": None if departure is None else str(departure.leave),
        "reason": enrolment.reason,
        "nextTryInSeconds": None if enrolment.next_in is None else round(enrolment.next_in, 1),
        "keyId": None if string is None else string.key_id,
        "api": None if string is None else string.origin,
        "registration": None if registration is None else registration.registration,
        "registeredAt": None if registration is None else registration.endpoint,
        "customerId": None if registration is None else registration.customer_id,
    }


def _told(content: bytes) -> Told:
    """Read the body; Problem never quotes the string, which is a secret."""
    body = _object(content)
    for name, value in body.items():
        if name not in _MEMBERS:
            raise Problem(Code.INVALID, "no such member", f"/{name}")
        if not isinstance(value, str):
            raise Problem(Code.INVALID, "not text", f"/{name}")
    for name in ("name", "type"):
        text = body.get(name, "x")
        if not 1 <= len(text) <= 64 or not text.isprintable():
            raise Problem(Code.INVALID, "not 1 to 64 printable characters", f"/{name}")
    return _read(body)


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = parse_json(content)
    except MalformedJson as exc:
        raise Problem(Code.MALFORMED, str(exc)) from None
    except ContractError as exc:
        raise Problem(Code.INVALID, exc.detail, exc.pointer) from None
    if not isinstance(body, dict):
        raise Problem(Code.INVALID, "not an object", "")
    return body


def _read(body: Mapping[str, str]) -> Told:
    try:
        string = ProvisioningString.parse(body.get("key", "").strip())
    except ContractError as exc:
        raise Problem(Code.INVALID, exc.detail, "/key") from None
    api = body.get("api", string.origin).rstrip("/").removesuffix(":443")
    if api != string.origin:
        raise Problem(Code.INVALID, f"the string is for {string.origin}", "/api")
    return Told(string=string, name=body.get("name"), type=body.get("type"))
