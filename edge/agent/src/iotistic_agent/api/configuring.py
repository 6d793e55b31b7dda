"""Routes that set the agent's own settings at the device, where the target says nothing of them."""

from urllib.parse import urlsplit

from iotistic_agent.api import reading
from iotistic_agent.api.bodies import Body, Member, number, text
from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_agent.configuration import LOCAL_NAMES
from iotistic_agent.enrolment import Progress
from iotistic_agent.logs import Component, log
from iotistic_contract.device_config import LogLevel
from iotistic_contract.problems import Code

__all__ = ["API_ENDPOINT", "CONFIG", "reset_all", "reset_one", "set_some"]

API_ENDPOINT = "apiEndpoint"
_SHORTEST_MS, _LONGEST_MS = 1000, 86_400_000
_LEVEL = {"enum": [str(each) for each in LogLevel], "description": "the least level logged"}
CONFIG = Body(
    {
        **{
            name: Member(_LEVEL)
            if name == "logLevel"
            else number("milliseconds", _SHORTEST_MS, _LONGEST_MS)
            for name in LOCAL_NAMES
        },
        API_ENDPOINT: text("https://host[:port]: strings of other addresses are refused"),
    }
)


async def set_some(inside: Inside, request: Request) -> Answer:
    """Keep the settings that are given; the answer is that of ``GET``, where the target's win."""
    body = CONFIG.read(request.body)
    if not body:
        raise Problem(Code.INVALID, f"none of {', '.join(CONFIG.members)}", "")
    if API_ENDPOINT in body:
        body[API_ENDPOINT] = _endpoint(inside, body[API_ENDPOINT])
    for name, value in body.items():
        inside.store.local_config.set(name, value)
    log(Component.LOCAL_API).info("configured", extra={"settings": body})
    return await _heeded(inside, request)


async def reset_one(inside: Inside, request: Request, setting: str) -> Answer:
    """Forget one setting; environment and defaults hold again."""
    if setting not in CONFIG.members:
        raise Problem(Code.NOT_FOUND, f"nothing to reset: {setting!r} can't be set here")
    inside.store.local_config.reset(setting)
    return await _heeded(inside, request)


async def reset_all(inside: Inside, request: Request) -> Answer:
    """Forget all settings that were set at the device."""
    inside.store.local_config.reset()
    return await _heeded(inside, request)


async def _heeded(inside: Inside, request: Request) -> Answer:
    for bell in (inside.bells.reconcile, inside.bells.poll, inside.bells.report):
        bell.ring()
    return await reading.config(inside, request)


def _endpoint(inside: Inside, given: str) -> str:
    """Return the origin; Problem when it is none, or the device has one by its registration."""
    if inside.enrolment.progress is Progress.REGISTERED:
        registration = inside.store.identity.registration()
        where = "" if registration is None else f": {registration.endpoint}"
        raise Problem(
            Code.CONFLICT,
            f"the registration says the address{where}; for another one the device registers anew",
        )
    try:
        url = urlsplit(given)
        port = "" if url.port in (None, 443) else f":{url.port}"
    except ValueError:
        url, port = urlsplit(""), ""
    more = url.path.strip("/") or url.query or url.fragment or "@" in url.netloc
    if url.scheme != "https" or not url.hostname or more:
        raise Problem(Code.INVALID, "not https://host[:port]", f"/{API_ENDPOINT}")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"https://{host}{port}"
