"""Routes that change something: registration, and its end."""

from collections.abc import Mapping

from iotistic_agent.api.bodies import Body, Member, text
from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_agent.departure import Leave
from iotistic_agent.enrolment import Progress, Told
from iotistic_agent.logs import Component, log
from iotistic_contract.errors import ContractError
from iotistic_contract.problems import Code
from iotistic_contract.provisioning import ProvisioningString

__all__ = ["CONFIRM", "PROVISION", "deprovision", "factory_reset", "provision", "provisioning"]

_KEY = {
    "type": "string",
    "pattern": r"^[\s\S]{1,4096}$",
    "description": "the whole string, iotp1…",
}
PROVISION = Body(
    {
        "key": Member(_KEY, required=True),
        "api": text("refused when it isn't the string's"),
        "name": text("the device's name", 64),
        "type": text("the device's type", 64),
    }
)
CONFIRM = Body({"confirm": text("the device's uuid", 64, required=True)})


async def provisioning(inside: Inside, _request: Request) -> Answer:
    """Show how far the registration is; of the string only its id and address."""
    return Answer(_shown(inside))


async def provision(inside: Inside, request: Request) -> Answer:
    """Take a string and register with it; 202, and ``GET`` tells how it goes.

    409 when the device is registered and its key is taken.
    """
    body = PROVISION.read(request.body)
    expected = inside.store.local_config.all().get("apiEndpoint")
    told = _read({"api": str(expected), **body} if expected else body)
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
    body = CONFIRM.read(request.body)
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


def _read(body: Mapping[str, str]) -> Told:
    try:
        string = ProvisioningString.parse(body.get("key", "").strip())
    except ContractError as exc:
        raise Problem(Code.INVALID, exc.detail, "/key") from None
    api = body.get("api", string.origin).rstrip("/").removesuffix(":443")
    if api != string.origin:
        raise Problem(Code.INVALID, f"the string is for {string.origin}", "/api")
    return Told(string=string, name=body.get("name"), type=body.get("type"))
