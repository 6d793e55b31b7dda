"""Everything that this package raises on purpose, as one tree."""

__all__ = [
    "AgentFault",
    "CloudUnavailable",
    "EngineFault",
    "Leaves",
    "NoRoom",
    "NotPossible",
    "NotTrusted",
    "Overtaken",
    "PullDenied",
    "PullFault",
    "PullMissing",
    "PullStopped",
    "Refused",
    "RegistrationRefused",
    "RegistryUnavailable",
    "Renewed",
    "Restart",
    "SettingsRefused",
    "StoreFault",
    "Unauthorized",
    "UpgradeFailed",
    "UpgradeLater",
    "WrongDigest",
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


class Leaves(AgentFault):
    """The device is to leave its tenant: this life of the agent ends."""


class Overtaken(EngineFault):
    """What the step was about has changed meanwhile: observe again."""


class NotPossible(AgentFault):
    """What a person asks for can't be done as things are."""


class PullFault(EngineFault):
    """An image can't be had."""

    def __init__(self, message: str) -> None:
        super().__init__("pull", message)


class NoRoom(PullFault):
    """The image doesn't fit: ``lacking`` bytes have to become free first."""

    def __init__(self, message: str, lacking: int) -> None:
        super().__init__(message)
        self.lacking = lacking


class PullStopped(PullFault):
    """The agent ends, or nobody wants the image any more."""


class PullMissing(PullFault):
    """The registry answered that it hasn't got it."""


class PullDenied(PullFault):
    """The registry wants other credentials."""


class RegistryUnavailable(PullFault):
    """No answer, one that was cut short, or one that means "later"."""


class WrongDigest(PullFault):
    """What came isn't what was asked for; it was thrown away."""


class CloudUnavailable(AgentFault):
    """No answer, or one that means "later"; ``wait`` is in seconds where the cloud said it."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class NotTrusted(CloudUnavailable):
    """Whoever answered has no certificate that holds here."""


class Refused(AgentFault):
    """The cloud answered with a refusal that a repetition doesn't change.

    ``pointer`` is the first place of the body that it names.
    """

    def __init__(self, status: int, code: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.pointer = pointer


class Unauthorized(Refused):
    """The device's key isn't taken any more: all calls stop."""


class Renewed(AgentFault):
    """Something that a session is made of was renewed: the next session has it."""


class RegistrationRefused(AgentFault):
    """The cloud refuses this device, or sent an answer that isn't taken; a person must look."""


class UpgradeFailed(AgentFault):
    """An ordered release can't be installed, and a repetition doesn't change that."""


class UpgradeLater(AgentFault):
    """An ordered release can't be installed now."""


class Restart(AgentFault):
    """The agent ends in order to be started anew, in the same process."""
