"""Which passwords people may choose (after NIST SP 800-63B: length and a list, no recipes)."""

from __future__ import annotations

from iotistic_tenant_api.domain.errors import Refused

__all__ = ["LONGEST", "SHORTEST", "check_password"]

SHORTEST, LONGEST = 12, 256

# What leaked lists have most of among those that are long enough; compared without case and blanks.
_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 1234567891011 012345678910
    111111111111 000000000000 123123123123 121212121212 112233445566 987654321098 098765432109
    qwertyuiopas qwertyuiop12 qwertyuiop123 qwertyuiop[] 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc
    qazwsxedcrfv zaq12wsxcde3 q1w2e3r4t5y6 asdfghjkl123 zxcvbnm12345 qwerty123456 qwerty1234567
    password1234 password12345 password123456 passwordpassword password1234! password123!
    passw0rd1234 p@ssw0rd1234 p@ssword1234 pa$$w0rd1234 mypassword123 mypassword1 yourpassword
    adminadmin12 adminadminadmin admin1234567 administrator administrator1 administrator123
    letmeinletmein letmein12345 letmein123456 welcome12345 welcome123456 welcome12345! changeme1234
    changemechangeme changeme12345 iloveyou1234 iloveyouiloveyou iloveyou12345 sunshine1234
    princess1234 football1234 baseball1234 superman1234 trustno1trustno1 monkeymonkey
    dragondragon masterpassword secretpassword defaultpassword correcthorsebatterystaple
    abcdefghijkl abcdefghijklm abc123abc123 abcd12345678 abcdef123456 a1b2c3d4e5f6 aaaaaaaaaaaa
    aa1234567890 qwertyqwerty iotisticiotistic iotistic1234 iotistic12345 iotisticadmin
    raspberrypi1 raspberrypi123 temppassword temporary123 test12345678 testtesttest letmeinplease
    """.split()  # noqa: SIM905 - a list of words is read more easily so
)


def check_password(password: str, email: str, *, pointer: str = "/password") -> None:
    """Refuse with 422 a password that is short, the e-mail address, or a common one."""
    reason = _fault(password, email)
    if reason is not None:
        raise Refused(422, "invalid", reason, pointer=pointer)


def _fault(password: str, email: str) -> str | None:
    if len(password) < SHORTEST:
        return f"a password has at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"a password has at most {LONGEST} characters"
    plain = "".join(password.casefold().split())
    if plain in {email.casefold(), email.casefold().partition("@")[0]}:
        return "a password isn't the e-mail address"
    if plain in _COMMON or len(set(plain)) < 4:
        return "this password is among the first that somebody would try"
    return None
