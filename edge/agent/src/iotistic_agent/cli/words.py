"""The words of the command line."""

import argparse
from pathlib import Path

__all__ = ["new_parser"]

DEFAULT_LINES = 100
_DEFAULT = "default: %(default)s"
_STATES = ("start", "stop", "pause", "unpause")
_SERVICE_DEEDS = {
    "start": "run it, whatever the target says",
    "stop": "stop it, until it is given back or the target's state for it changes",
    "pause": "freeze it, likewise",
    "unpause": "let it go on",
    "restart": "restart its container once",
    "give-back": "let the target's state for it hold again",
}
_APP_DEEDS = {
    "start": "run all its services, whatever the target says",
    "stop": "stop all its services, until they are given back or the target changes their state",
    "restart": "restart once what runs of it",
    "purge": "remove its containers and all data in its volumes; it comes back empty",
    "give-back": "let the target's states for its services hold again",
}


def new_parser(socket: Path, user: str = "iotctl") -> argparse.ArgumentParser:
    """Return the parser; ``socket`` is where the agent is when nobody says another place.

    ``user`` is who asks for something when nobody says another name.

    Sub-parsers are told the program's name: argparse would work it out from its usage, and import
    for that what takes longer than all the rest.
    """
    parser = argparse.ArgumentParser(
        prog="iotctl", description="Shows and steers what the Iotistic agent on this device does."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("--socket", type=Path, default=socket, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    commands = parser.add_subparsers(
        prog=parser.prog, dest="command", required=True, metavar="COMMAND"
    )
    _command(commands, "status", "the device at a glance")
    plan = _command(commands, "plan", "what the agent would do now")
    plan.add_argument("--explain", action="store_true", help="and which fields differ")
    _services(_command(commands, "services", "the containers that the device is to run"), user)
    _apps(_command(commands, "apps", "the apps that the services belong to"), user)
    _leases(_command(commands, "leases", "who asks for no updates for a while"), user)
    _log_options(_command(commands, "logs", "the agent's own log since its start"))
    _config(_command(commands, "config", "settings, and where each comes from"))
    _provision(_command(commands, "provision", "register the device at its tenant"))
    _leaving(_command(commands, "deprovision", "forget the registration; containers go on"))
    _leaving(_command(commands, "factory-reset", "release the device and erase everything on it"))
    for name in ("diagnostics", "diag"):
        diagnostics = _command(commands, name, "what is wrong, and what to do about it")
        diagnostics.add_argument("--qr", action="store_true", help="as a QR code")
    bundle = _command(commands, "support-bundle", "what support wants to see, in one file")
    bundle.add_argument("file", nargs="?", type=Path, metavar="FILE", help="new; in .tar.gz")
    restart = _command(commands, "restart", "let the agent begin anew; containers run on")
    restart.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS", help="default: %(default)g"
    )
    completion = _command(commands, "completion", "what a shell needs to complete words")
    completion.add_argument("shell", choices=["bash"])
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that costs more than all other imports."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 -- see above

        parser.exit(0, f"iotctl {version('iotistic-agent')}\n")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="in JSON")
    return parser


def _log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument("-n", "--lines", type=int, default=DEFAULT_LINES, metavar="N")


def _services(parser: argparse.ArgumentParser, user: str) -> None:
    deeds = _deeds(parser, f"list|info|logs|{'|'.join(_SERVICE_DEEDS)}")
    listing = _command(deeds, "list", "all services, or those of one app")
    listing.add_argument("app", nargs="?", metavar="APP")
    _command(deeds, "info", "one service in full").add_argument("service", metavar="SERVICE")
    logs = _command(deeds, "logs", "what a service's container writes")
    logs.add_argument("service", metavar="SERVICE")
    _log_options(logs)
    for name, words in _SERVICE_DEEDS.items():
        deed = _command(deeds, name, words)
        deed.add_argument("service", metavar="SERVICE")
        _who_and_why(deed, user, ends=name in _STATES)


def _apps(parser: argparse.ArgumentParser, user: str) -> None:
    deeds = _deeds(parser, f"list|info|{'|'.join(_APP_DEEDS)}")
    _command(deeds, "list", "all apps")
    _command(deeds, "info", "one app with its services").add_argument("app", metavar="APP")
    for name, words in _APP_DEEDS.items():
        deed = _command(deeds, name, words)
        deed.add_argument("app", metavar="APP")
        _who_and_why(deed, user, ends=name in _STATES)
        if name == "purge":
            _yes(deed)


def _leases(parser: argparse.ArgumentParser, user: str) -> None:
    deeds = _deeds(parser, "list|hold|release")
    _command(deeds, "list", "all leases, and what holds updates now")
    hold = _command(deeds, "hold", "hold updates for a while, or for longer")
    hold.add_argument("owner", nargs="?", default=user, metavar="OWNER", help=_DEFAULT)
    hold.add_argument("--reason", required=True, metavar="TEXT")
    hold.add_argument(
        "--for", dest="seconds", type=int, default=3600, metavar="SECONDS", help=_DEFAULT
    )
    release = _command(deeds, "release", "let updates happen")
    release.add_argument("owner", nargs="?", default=user, metavar="OWNER", help=_DEFAULT)


def _deeds(
    parser: argparse.ArgumentParser, names: str
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    return parser.add_subparsers(prog=parser.prog, dest="deed", required=True, metavar=names)


def _who_and_why(parser: argparse.ArgumentParser, user: str, *, ends: bool) -> None:
    parser.add_argument("--owner", default=user, metavar="NAME", help=_DEFAULT)
    parser.add_argument("--reason", metavar="TEXT", help="for people")
    if ends:
        parser.add_argument(
            "--for", dest="seconds", type=int, metavar="SECONDS", help="default: until given back"
        )


def _yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask")


def _config(parser: argparse.ArgumentParser) -> None:
    deeds = _deeds(parser, "show|get|set|reset|get-api|set-api")
    _command(deeds, "show", "everything")
    _command(deeds, "get", "one value").add_argument("setting", metavar="SETTING")
    setting = _command(deeds, "set", "set a value at the device; the target's own comes first")
    setting.add_argument("setting", metavar="SETTING")
    setting.add_argument("value", metavar="VALUE")
    reset = _command(deeds, "reset", "forget one value that was set at the device, or all")
    reset.add_argument("setting", nargs="?", metavar="SETTING")
    _command(deeds, "get-api", "the cloud's address")
    api = _command(deeds, "set-api", "before it is registered: refuse strings of other addresses")
    api.add_argument("url", metavar="URL")


def _leaving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="don't ask")
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="SECONDS", help="default: %(default)g"
    )


def _provision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "key",
        nargs="?",
        metavar="KEY",
        help="the provisioning string (iotp1…), or `status` to see how far it is; without it, it"
        " is read from --key-file, from standard input or asked for",
    )
    parser.add_argument("--key-file", type=Path, metavar="F", help="a file with the string")
    parser.add_argument("--api", help="refuse a string of another address than this one")
    parser.add_argument("--name", help="the device's name")
    parser.add_argument("--type", help="the device's type")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="default: %(default)g"
    )
