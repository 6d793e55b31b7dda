"""Completes words: of the parser, and ids of what is on the device."""

import argparse
from collections.abc import Callable, Mapping, Sequence

__all__ = ["ASKING", "SCRIPTS", "candidates"]

ASKING = "--complete-words"
SCRIPTS = {
    "bash": f"""\
# To have it in every shell:  iotctl completion bash > /etc/bash_completion.d/iotctl
_iotctl() {{
    local IFS=$'\\n'
    COMPREPLY=($("${{COMP_WORDS[0]}}" {ASKING} "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null))
}}
complete -o default -F _iotctl iotctl"""
}
Ids = Mapping[str, Callable[[], Sequence[str]]]


def candidates(parser: argparse.ArgumentParser, words: Sequence[str], ids: Ids) -> list[str]:
    """Return what the last of ``words`` can become; ``ids`` look up positional arguments."""
    *before, begun = words or [""]
    commands, options, places = _parts(parser)
    skip = 0
    for word in before:
        if skip:
            skip -= 1
        elif word in commands:
            parser = commands[word]
            commands, options, places = _parts(parser)
        elif word.startswith("-"):
            skip = 1 if word in options and options[word].nargs is None else 0
        elif places:
            places.pop(0)
    if skip:
        return []
    if begun.startswith("-"):
        found = list(options)
    elif commands:
        found = list(commands)
    else:
        found = _values(places[0], ids) if places else []
    return sorted(each for each in found if each.startswith(begun))


def _parts(
    parser: argparse.ArgumentParser,
) -> tuple[dict[str, argparse.ArgumentParser], dict[str, argparse.Action], list[argparse.Action]]:
    commands: dict[str, argparse.ArgumentParser] = {}
    options: dict[str, argparse.Action] = {}
    places: list[argparse.Action] = []
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other way to look
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            commands.update(action.choices)
        elif action.option_strings:
            options.update(dict.fromkeys(action.option_strings, action))
        else:
            places.append(action)
    return commands, options, places


def _values(place: argparse.Action, ids: Ids) -> list[str]:
    if place.choices is not None:
        return [str(each) for each in place.choices]
    return list(ids[place.dest]()) if place.dest in ids else []
