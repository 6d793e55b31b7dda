"""The words that problem+json carries in ``code``, with the status each one stands under."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["STATUS", "Code", "status_of"]


class Code(StrEnum):
    """Why a request was refused; programs decide by this word, people read the detail."""

    # Every route.
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MALFORMED = "malformed"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    INVALID = "invalid"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    CONFLICT = "conflict"
    PRECONDITION_REQUIRED = "precondition_required"
    PRECONDITION_FAILED = "precondition_failed"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    # Signed calls of a device.
    KEY_HASH_USED = "key_hash_used"
    # People.
    BAD_CREDENTIALS = "bad_credentials"
    SECOND_FACTOR_REQUIRED = "second_factor_required"
    BAD_SECOND_FACTOR = "bad_second_factor"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word, no password
    WRONG_CODE = "wrong_code"
    LAST_OWNER = "last_owner"
    OWNER_EXISTS = "owner_exists"
    INVITATION_GONE = "invitation_gone"
    # Provisioning.
    PROOF_REQUIRED = "proof_required"
    KEY_TYPE = "key_type"
    KEY_ID_UNKNOWN = "key_id_unknown"
    CHALLENGE_INVALID = "challenge_invalid"
    CHALLENGE_EXPIRED = "challenge_expired"
    CHALLENGE_USED = "challenge_used"
    INVALID_SIGNATURE = "invalid_signature"
    INVALID_PROVISIONING_KEY = "invalid_provisioning_key"
    KEY_BOUND = "key_bound"
    DEVICE_REVOKED = "device_revoked"
    ALREADY_REGISTERED = "already_registered"
    OTHER_FLEET = "other_fleet"
    # Drafts, what once was, and live streams.
    NO_DRAFT = "no_draft"
    DRAFT_STALE = "draft_stale"
    DRAFT_CHANGED = "draft_changed"
    SECRETS_GONE = "secrets_gone"
    TOO_MANY_STREAMS = "too_many_streams"
    # License and plan; limit_reached also stands for a provisioning key that is used up.
    LIMIT_REACHED = "limit_reached"
    FEATURE_NOT_IN_PLAN = "feature_not_in_plan"
    PAYMENT_REQUIRED = "payment_required"
    # Commercial records.
    PLAN_CONFLICT = "plan_conflict"


STATUS: Mapping[Code, int] = MappingProxyType(
    {
        Code.UNAUTHORIZED: 401,
        Code.FORBIDDEN: 403,
        Code.NOT_FOUND: 404,
        Code.METHOD_NOT_ALLOWED: 405,
        Code.MALFORMED: 400,
        Code.TOO_SLOW: 408,
        Code.TOO_LARGE: 413,
        Code.ENCODING: 415,
        Code.INVALID: 422,
        Code.TOO_MANY_ATTEMPTS: 429,
        Code.CONFLICT: 409,
        Code.PRECONDITION_REQUIRED: 428,
        Code.PRECONDITION_FAILED: 412,
        Code.UNAVAILABLE: 503,
        Code.INTERNAL: 500,
        Code.KEY_HASH_USED: 409,
        Code.BAD_CREDENTIALS: 401,
        Code.SECOND_FACTOR_REQUIRED: 401,
        Code.BAD_SECOND_FACTOR: 401,
        Code.WRONG_PASSWORD: 403,
        Code.WRONG_CODE: 403,
        Code.LAST_OWNER: 409,
        Code.OWNER_EXISTS: 409,
        Code.INVITATION_GONE: 404,
        Code.PROOF_REQUIRED: 422,
        Code.KEY_TYPE: 422,
        Code.KEY_ID_UNKNOWN: 410,
        Code.CHALLENGE_INVALID: 410,
        Code.CHALLENGE_EXPIRED: 410,
        Code.CHALLENGE_USED: 410,
        Code.INVALID_SIGNATURE: 401,
        Code.INVALID_PROVISIONING_KEY: 401,
        Code.KEY_BOUND: 403,
        Code.DEVICE_REVOKED: 403,
        Code.ALREADY_REGISTERED: 409,
        Code.OTHER_FLEET: 409,
        Code.NO_DRAFT: 404,
        Code.DRAFT_STALE: 409,
        Code.DRAFT_CHANGED: 412,
        Code.SECRETS_GONE: 409,
        Code.TOO_MANY_STREAMS: 429,
        Code.LIMIT_REACHED: 403,
        Code.FEATURE_NOT_IN_PLAN: 403,
        Code.PAYMENT_REQUIRED: 402,
        Code.PLAN_CONFLICT: 409,
    }
)


def status_of(code: Code) -> int:
    """Return the HTTP status that ``code`` is answered under."""
    return STATUS[code]
