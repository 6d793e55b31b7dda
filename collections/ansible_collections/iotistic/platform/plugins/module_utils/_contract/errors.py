# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What decoding and checking raise: facts, no HTTP."""

__all__ = ["ContractError", "ContractFault", "MalformedJson"]


class ContractFault(ValueError):  # noqa: N818 -- root of this package's exceptions
    """Root of everything that this package raises on purpose."""


class MalformedJson(ContractFault):
    """The bytes are no JSON that we take (HTTP 400); ``str()`` says why."""


class ContractError(ContractFault):
    """A value breaks a rule (HTTP 422).

    ``pointer`` is a JSON pointer (RFC 6901) to the value, the empty one being the whole document;
    ``detail`` says what is wrong and never repeats a secret.
    """

    def __init__(self, pointer: str, detail: str) -> None:
        pointer = pointer if not pointer or pointer.startswith("/") else f"/{pointer}"
        super().__init__(pointer, detail)
        self.pointer = pointer
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail

    def under(self, *keys: str | int) -> "ContractError":
        """Return the same error as seen from the document that holds the value at ``keys``."""
        return type(self)("".join(f"/{escape(key)}" for key in keys) + self.pointer, self.detail)


def escape(key: str | int) -> str:
    """Return ``key`` as one reference token of a JSON pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")
