"""Each code word has its one status."""

from iotistic_contract.problems import Code, status_of

BY_STATUS = {
    400: {"malformed"},
    401: {
        "unauthorized",
        "invalid_signature",
        "invalid_provisioning_key",
        "bad_credentials",
        "second_factor_required",
        "bad_second_factor",
    },
    402: {"payment_required"},
    403: {
        "forbidden",
        "key_bound",
        "device_revoked",
        "limit_reached",
        "feature_not_in_plan",
        "wrong_password",
        "wrong_code",
    },
    404: {"not_found", "invitation_gone", "no_draft"},
    405: {"method_not_allowed"},
    409: {
        "conflict",
        "key_hash_used",
        "already_registered",
        "other_fleet",
        "plan_conflict",
        "last_owner",
        "owner_exists",
        "draft_stale",
        "secrets_gone",
    },
    410: {"key_id_unknown", "challenge_invalid", "challenge_expired", "challenge_used"},
    412: {"precondition_failed", "draft_changed"},
    408: {"too_slow"},
    413: {"too_large"},
    415: {"encoding"},
    422: {"invalid", "proof_required", "key_type"},
    428: {"precondition_required"},
    429: {"too_many_attempts", "too_many_streams"},
    500: {"internal"},
    503: {"unavailable"},
}


def test_words_by_status() -> None:
    assert {str(code): status_of(code) for code in Code} == {
        word: status for status, words in BY_STATUS.items() for word in words
    }
