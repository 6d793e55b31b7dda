"""Taking a site away: what makes things goes first, what marks the site goes last."""

from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.planning.site import (
    ActualSite,
    EndProcesses,
    EngineObject,
    Process,
    RemoveObject,
    RemovePath,
    StopPrograms,
    StopSupervisor,
    Unmount,
    plan,
)

SUPERVISOR = Process(pid=10, started=100, program="supervisord")
STRAY = Process(pid=11, started=101, program="granian")
ENGINE = "/run/iotistic-0a1b2c3d/docker.sock"


def thing(kind: str, name: str) -> EngineObject:
    return EngineObject(kind=kind, engine=ENGINE, id=f"{kind}-{name}", name=name)


WHOLE = ActualSite(
    supervisors=(SUPERVISOR,),
    programs=("agent-a", "billing"),
    processes=(STRAY,),
    objects=(thing("volume", "v"), thing("network", "n"), thing("container", "c")),
    mounts=("/srv/site", "/srv/site/docker/overlay"),
    paths=("/run/iotistic-0a1b2c3d", "/srv/site"),
)


def test_a_whole_site_in_its_order() -> None:
    planned = plan(WHOLE)
    assert planned.steps == (
        StopPrograms(("agent-a", "billing")),
        RemoveObject(thing("container", "c")),
        RemoveObject(thing("network", "n")),
        RemoveObject(thing("volume", "v")),
        StopSupervisor(SUPERVISOR),
        EndProcesses((STRAY,)),
        Unmount("/srv/site/docker/overlay"),
        Unmount("/srv/site"),
        RemovePath("/run/iotistic-0a1b2c3d"),
        RemovePath("/srv/site"),
    )
    assert planned.after == {}
    assert planned.before == {
        "processes": ["10 supervisord", "11 granian"],
        "containers": ["c"],
        "networks": ["n"],
        "volumes": ["v"],
        "mounts": ["/srv/site", "/srv/site/docker/overlay"],
        "paths": ["/run/iotistic-0a1b2c3d", "/srv/site"],
    }


def test_nothing_left_nothing_to_do() -> None:
    planned = plan(ActualSite())
    assert (planned.steps, planned.before, planned.changed) == ((), {}, False)


class MemoryMachine:
    """A machine that refuses what real ones refuse."""

    def __init__(self, site: ActualSite) -> None:
        self.programs = set(site.programs)
        self.processes = {*site.supervisors, *site.processes}
        self.supervisors = set(site.supervisors)
        self.objects = list(site.objects)
        self.mounts = set(site.mounts)
        self.paths = set(site.paths)

    def apply(self, step: object) -> None:
        """Do one step, or fail as the machine would."""
        match step:
            case StopPrograms(names):
                self.programs -= set(names)
            case RemoveObject(target):
                self._remove(target)
            case StopSupervisor(process):
                self.supervisors.remove(process)
                self.processes.remove(process)
            case EndProcesses(ended):
                assert not self.supervisors, "a supervisor would start them again"
                self.processes -= set(ended)
            case Unmount(path):
                assert not any(other.startswith(f"{path}/") for other in self.mounts)
                self.mounts.remove(path)
            case RemovePath(path):
                assert not self.processes
                assert not self.mounts
                self.paths.remove(path)

    def _remove(self, target: EngineObject) -> None:
        assert not self.programs, "an agent would make it again"
        kinds = {other.kind for other in self.objects}
        assert target.kind == "container" or "container" not in kinds, "in use"
        self.objects.remove(target)

    def left(self) -> ActualSite:
        """Return what is still there."""
        return ActualSite(
            supervisors=tuple(self.supervisors),
            programs=tuple(self.programs),
            processes=tuple(self.processes - self.supervisors),
            objects=tuple(self.objects),
            mounts=tuple(self.mounts),
            paths=tuple(self.paths),
        )


def processes(pids: range) -> st.SearchStrategy[tuple[Process, ...]]:
    each = st.sampled_from([Process(pid=pid, started=pid, program="p") for pid in pids])
    return st.lists(each, unique=True).map(tuple)


sites = st.builds(
    ActualSite,
    supervisors=processes(range(1, 3)),
    programs=st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple),
    processes=processes(range(3, 6)),
    objects=st.lists(
        st.builds(
            thing, st.sampled_from(["container", "network", "volume"]), st.sampled_from("xyz")
        ),
        unique=True,
    ).map(tuple),
    mounts=st.lists(st.sampled_from(["/s", "/s/a", "/s/a/b", "/s/c"]), unique=True).map(tuple),
    paths=st.lists(st.sampled_from(["/r", "/s"]), unique=True).map(tuple),
)


@given(sites)
def test_any_site_goes_away_without_a_step_that_fails(site: ActualSite) -> None:
    machine = MemoryMachine(site)
    plan(site).apply(machine)
    assert plan(machine.left()).steps == ()


@given(sites, st.integers(0, 12))
def test_a_run_that_was_cut_short_is_ended_by_the_next(site: ActualSite, done: int) -> None:
    machine = MemoryMachine(site)
    for step in plan(site).steps[:done]:
        machine.apply(step)
    plan(machine.left()).apply(machine)
    assert machine.left() == ActualSite()
