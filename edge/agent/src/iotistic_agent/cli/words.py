"""The words of the command line."""

import argparse
from pathlib import Path

__all__ = ["new_parser"]

DEFAULT_LINES = 100


def new_parser(socket: Path) -> argparse.ArgumentParser:
    """Return the parser; ``socket`` is where the agent is when nobody says another place.

    Sub-parsers are told the program's name: argparse would work it out from its usage, and import
    for that what takes longer than all the rest.
    """
    parser = argparse.ArgumentParser(
        prog="iotctl", description="Shows what the Iotistic agent on this device does."
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
    _services(_command(commands, "services", "the containers that the device is to run"))
    _apps(_command(commands, "apps", "the apps that the services belong to"))
    _log_options(_command(commands, "logs", "the agent's own log since its start"))
    _config(_command(commands, "config", "settings, and where each comes from"))
    _provision(_command(commands, "provision", "register the device at its tenant"))
    _leaving(_command(commands, "deprovision", "forget the registration; containers go on"))
    _leaving(_command(commands, "factory-reset", "release the device and erase everything on it"))
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


def _services(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(
        prog=parser.prog, dest="deed", required=True, metavar="list|info|logs"
    )
    listing = _command(deeds, "list", "all services, or those of one app")
    listing.add_argument("app", nargs="?", metavar="APP")
    _command(deeds, "info", "one service in full").add_argument("service", metavar="SERVICE")
    logs = _command(deeds, "logs", "what a service's container writes")
    logs.add_argument("service", metavar="SERVICE")
    _log_options(logs)


def _apps(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(prog=parser.prog, dest="deed", required=True, metavar="list|info")
    _command(deeds, "list", "all apps")
    _command(deeds, "info", "one app with its services").add_argument("app", metavar="APP")


def _config(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(prog=parser.prog, dest="deed", required=True, metavar="show|get")
    _command(deeds, "show", "everything")
    _command(deeds, "get", "one value").add_argument("setting", metavar="SETTING")


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
