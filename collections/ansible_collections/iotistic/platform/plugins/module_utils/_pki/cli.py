# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""`iotistic-pki`: the signing process, and a look into a CA's folder."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from .authority import load
from .errors import PkiFault
from .signer import serve

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 with one line on standard error that says what to do."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except PkiFault as fault:
        print(f"iotistic-pki: {fault.detail}", file=sys.stderr)
    except (OSError, sqlite3.Error) as error:
        print(f"iotistic-pki: {error}", file=sys.stderr)
    return 2


def _sign(chosen: argparse.Namespace) -> int:
    passphrase = chosen.passphrase_file.read_bytes().strip() if chosen.passphrase_file else None
    with load(chosen.ca, passphrase) as authority:
        serve(authority, chosen.socket, chosen.crl, lambda: _announce(chosen.socket))
    return 0


def _list(chosen: argparse.Namespace) -> int:
    with load(chosen.ca) as authority:
        for entry in authority.index.entries():
            revoked = entry.revoked_at.isoformat() if entry.revoked_at else None
            line = {
                "serial": entry.serial,
                "common_name": entry.common_name,
                "profile": entry.profile,
                "not_after": entry.not_after.isoformat(),
                "revoked_at": revoked,
                "reason": entry.reason,
            }
            print(json.dumps(line))
    return 0


def _announce(path: Path) -> None:
    print(json.dumps({"event": "signer_ready", "socket": str(path)}), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="iotistic-pki", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sign = commands.add_parser("sign", help="sign for one CA behind a unix socket")
    sign.add_argument("--ca", type=Path, required=True, help="the CA's folder")
    sign.add_argument("--socket", type=Path, required=True, help="where to listen")
    sign.add_argument("--crl", type=Path, help="a second file to write each CRL to")
    sign.add_argument("--passphrase-file", type=Path, help="opens an encrypted ca.key")
    sign.set_defaults(run=_sign)
    listing = commands.add_parser("list", help="print the index, one JSON object a line")
    listing.add_argument("--ca", type=Path, required=True, help="the CA's folder")
    listing.set_defaults(run=_list)
    return parser


if __name__ == "__main__":
    sys.exit(main())
