"""Everything that this package refuses, as one tree."""

__all__ = [
    "AuthorityExists",
    "AuthorityMissing",
    "KeyRefused",
    "NameRefused",
    "PkiFault",
    "ProvisioningRefused",
    "ReleaseRefused",
    "RequestRefused",
    "SealBroken",
    "SerialUnknown",
    "SignerRefused",
    "SignerUnavailable",
    "TokenRefused",
]


class PkiFault(Exception):  # noqa: N818 -- root of this package's exceptions
    """A refusal with a short machine-readable `reason` and a sentence for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class AuthorityExists(PkiFault):
    """A CA is already in this folder; nothing was changed."""


class AuthorityMissing(PkiFault):
    """No readable CA is in this folder."""


class NameRefused(PkiFault):
    """The authority's name constraints, or the profile, don't allow this name."""


class KeyRefused(PkiFault):
    """A key that can't be read, of a kind or strength that isn't taken."""


class ReleaseRefused(PkiFault):
    """What was built can't be released."""


class RequestRefused(PkiFault):
    """A certificate request that can't be read or whose own signature is wrong."""


class SerialUnknown(PkiFault):
    """The authority never issued that serial."""


class TokenRefused(PkiFault):
    """A signed document that isn't what it should be; `reason` names the failed check."""


class SealBroken(PkiFault):
    """A sealed value that doesn't open with this key and these names."""


class ProvisioningRefused(PkiFault):
    """A registration that is refused; `reason` is the wire's `code`, `status` its HTTP status."""

    def __init__(self, reason: str, detail: str, status: int) -> None:
        super().__init__(reason, detail)
        self.status = status


class SignerUnavailable(PkiFault):
    """The signing process doesn't answer on its socket."""


class SignerRefused(PkiFault):
    """The signing process answered with a refusal; `reason` is that of the refusal."""
