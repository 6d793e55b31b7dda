"""Everything that this package raises on purpose, as one tree."""

__all__ = [
    "AgentFault",
    "CloudUnavailable",
    "EngineFault",
    "NotPossible",
    "Overtaken",
    "Refused",
    "RegistrationRefused",
    "SettingsRefused",
    "StoreFault",
    "Unauthorized",
]


class AgentFault(Exception):  # noqa: N818 -- root of this package's exceptions
    """Root; ``str()`` is one sentence for people, without secrets."""


class SettingsRefused(AgentFault):
    """The environment says something that can't be; the agent doesn't start."""


class StoreFault(AgentFault):
    """The folder of the agent's state, or what is in it, can't be used."""


class EngineFault(AgentFault):
    """The container engine couldn't do what it was asked; ``type`` is the report's word for it."""

    def __init__(self, type: str, message: str) -> None:  # noqa: A002 -- the report's own word
        super().__init__(message)
        self.type = type


class Overtaken(EngineFault):
    """What the step was about has changed meanwhile: observe again."""


class NotPossible(AgentFault):
    """What a person asks for can't be done as things are."""


class CloudUnavailable(AgentFault):
    """No answer, or one that means "later"; ``wait`` is in seconds where the cloud said it."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Refused(AgentFault):
    """The cloud answered with a refusal that a repetition doesn't change."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class Unauthorized(Refused):
    """The device's key isn't taken any more: all calls stop."""


class RegistrationRefused(AgentFault):
    """The cloud refuses this device, or sent an answer that isn't taken; a person must look."""
