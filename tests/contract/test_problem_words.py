"""Each code word that a service answers with is the contract's, under the contract's status."""

import ast
from collections.abc import Iterator
from pathlib import Path

from iotistic_contract.problems import STATUS, Code

ROOT = Path(__file__).parents[2]
STATUS_FIRST = {"Problem", "Refused"}
CODE_FIRST = {"ProvisioningRefused"}


def constants(call: ast.Call) -> list[object]:
    return [arg.value if isinstance(arg, ast.Constant) else None for arg in call.args]


def of_call(call: ast.Call) -> tuple[object, object] | None:
    name = call.func.id if isinstance(call.func, ast.Name) else None
    match name, constants(call):
        case word, [int(status), str(code), *_] if word in STATUS_FIRST:
            return code, status
        case word, [str(code), _, int(status), *_] if word in CODE_FIRST:
            return code, status
    return None


def of_class(node: ast.ClassDef) -> tuple[object, object] | None:
    said = {
        line.target.id: line.value.value
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(line.value, ast.Constant)
    }
    known = isinstance(said.get("code"), str) and isinstance(said.get("status"), int)
    return (said["code"], said["status"]) if known else None


def answers() -> Iterator[tuple[str, object, object]]:
    for path in sorted(ROOT.glob("services/*/src/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call():
                    found = of_call(node)
                case ast.ClassDef():
                    found = of_class(node)
                case _:
                    continue
            if found is not None:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", *found


def test_every_word_is_known_and_stands_under_its_status() -> None:
    known = {(str(code), status) for code, status in STATUS.items()}
    found = list(answers())
    assert len(found) > 20  # the walk sees them
    assert [answer for answer in found if answer[1:] not in known] == []


def test_every_word_has_a_status() -> None:
    assert set(STATUS) == set(Code)
