"""Processes of a site: files, supervisor and program, each only when it isn't as wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.planning.process import (
    ActualProcess,
    Process,
    RemoveFile,
    Replace,
    StartSupervisor,
    Stop,
    WriteFile,
    file_diffs,
    plan,
)

FILES = {"/etc/api.conf": "[program:api]\n", "/etc/api.env": "PORT=3002\n"}
WANTED = Process(name="api", files=FILES, configuration="c1")
GONE = Process(name="api", files=FILES, configuration="c1", present=False)
RUNNING = ActualProcess(supervisor=True, files=FILES, status="RUNNING", configuration="c1")


def running(**change: object) -> ActualProcess:
    values = {"supervisor": True, "files": FILES, "status": "RUNNING", "configuration": "c1"}
    return ActualProcess(**{**values, **change})  # type: ignore[arg-type]


WRITES = tuple(WriteFile(path, text) for path, text in FILES.items())
REPLACE = Replace("api", "c1")

CASES = [
    ("nothing there", ActualProcess(), WANTED, (*WRITES, StartSupervisor())),
    ("as wanted", RUNNING, WANTED, ()),
    ("just started", running(status="STARTING"), WANTED, ()),
    ("crashed", running(status="FATAL"), WANTED, (REPLACE,)),
    ("stopped by hand", running(status="STOPPED"), WANTED, (REPLACE,)),
    ("unknown to the supervisor", running(status=None, configuration=None), WANTED, (REPLACE,)),
    ("supervisor killed", ActualProcess(files=FILES), WANTED, (StartSupervisor(),)),
    ("another configuration", running(configuration="c0"), WANTED, (REPLACE,)),
    ("a file changed", running(files={**FILES, "/etc/api.env": "PORT=1\n"}), WANTED, (WRITES[1],)),
    ("a file lost", running(files={"/etc/api.env": FILES["/etc/api.env"]}), WANTED, (WRITES[0],)),
    ("absent", RUNNING, GONE, (Stop("api"), *(RemoveFile(path) for path in FILES))),
    ("absent already", ActualProcess(supervisor=True), GONE, ()),
    ("absent, files left", ActualProcess(files=FILES), GONE, tuple(map(RemoveFile, FILES))),
]


@pytest.mark.parametrize(
    ("actual", "desired", "steps"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_steps(actual: ActualProcess, desired: Process, steps: tuple[object, ...]) -> None:
    assert plan(actual, desired).steps == steps


def shown(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


SECRETS = "API_TOKEN={}\nDB_PASSWORD={}\nPASSWORD_FILE={}\nURL={}\n"
DIFFS = [
    ("as wanted", RUNNING, WANTED, []),
    (
        "only a file's text",
        running(files={**FILES, "/etc/api.env": "PORT=1\n"}),
        WANTED,
        [shown("/etc/api.env", "PORT=1\n", "PORT=3002\n")],
    ),
    (
        "a new file",
        running(files={"/etc/api.env": "PORT=3002\n"}),
        WANTED,
        [shown("/etc/api.conf", "", "[program:api]\n")],
    ),
    (
        "a file that goes",
        running(files={"/etc/api.env": "PORT=3002\n"}),
        GONE,
        [shown("/etc/api.env", "PORT=3002\n", "")],
    ),
    (
        "secrets",
        running(files={"/etc/api.env": SECRETS.format("same", "old", "/a", "pg://u:p@h")}),
        Process(
            name="api",
            files={"/etc/api.env": SECRETS.format("same", "new", "/b", "pg://u:p@h")},
            configuration="c1",
        ),
        [
            shown(
                "/etc/api.env",
                SECRETS.format("(hidden)", "(hidden, another one)", "/a", "(hidden)"),
                SECRETS.format("(hidden)", "(hidden)", "/b", "(hidden)"),
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("actual", "desired", "diffs"), [case[1:] for case in DIFFS], ids=[case[0] for case in DIFFS]
)
def test_the_diff_of_files(
    actual: ActualProcess, desired: Process, diffs: list[dict[str, str]]
) -> None:
    assert file_diffs(actual, desired) == diffs


class MemorySupervisor:
    """A supervisor and the files it reads, as the steps see them."""

    def __init__(self, actual: ActualProcess, wanted: Process) -> None:
        self.actual = actual
        self._wanted = wanted

    def apply(self, step: object) -> None:
        """Do what the module does for one step."""
        match step:
            case WriteFile(path, text):
                self._set(files={**self.actual.files, path: text})
            case RemoveFile(path):
                kept = {name: text for name, text in self.actual.files.items() if name != path}
                self._set(files=kept)
            case StartSupervisor():
                configuration = self._wanted.configuration
                self._set(supervisor=True, status="RUNNING", configuration=configuration)
            case Replace(_, configuration):
                self._set(status="RUNNING", configuration=configuration)
            case Stop():
                self._set(status=None, configuration=None)

    def _set(self, **change: object) -> None:
        held = {name: getattr(self.actual, name) for name in ActualProcess.__slots__}
        self.actual = ActualProcess(**{**held, **change})


@given(
    st.builds(
        ActualProcess,
        supervisor=st.booleans(),
        files=st.dictionaries(st.sampled_from(list(FILES)), st.sampled_from(["x", "PORT=3002\n"])),
        status=st.sampled_from([None, "RUNNING", "STARTING", "STOPPED", "FATAL"]),
        configuration=st.sampled_from([None, "c0", "c1"]),
    ),
    st.sampled_from([WANTED, GONE]),
)
def test_after_the_steps_nothing_is_left(actual: ActualProcess, desired: Process) -> None:
    machine = MemorySupervisor(actual, desired)
    first = plan(actual, desired)
    first.apply(machine)
    second = plan(machine.actual, desired)
    assert second.steps == ()
    assert second.before == first.after
