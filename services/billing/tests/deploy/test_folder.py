"""The folder of a run, and the hash of the code that runs there."""

import os

from iotistic_billing.deploy.code import CodeHash
from iotistic_billing.deploy.folder import JobFolder, sweep


def test_files_are_for_their_owner_and_gone_with_the_folder(tmp_path):
    folder = JobFolder.create(tmp_path, "s", "job", 1)
    secrets = folder.write_all("secrets", {"key": "text"})

    modes = [oct(path.stat().st_mode)[-3:] for path in (folder.path, secrets, secrets / "key")]
    assert modes == ["700", "700", "600"]
    assert (secrets / "key").read_text() == "text"
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_worker_left_is_swept_and_what_is_in_use_or_anothers_stays(tmp_path):
    used = JobFolder.create(tmp_path, "s", "job", 1)
    other = JobFolder.create(tmp_path, "other", "job", 1)
    left = JobFolder.create(tmp_path, "s", "left", 1)
    left.write("secret", "text")
    os.close(left._descriptor)
    os.close(other._descriptor)

    assert sweep(tmp_path, "s") == [left.path.name]
    assert sorted(tmp_path.iterdir()) == sorted([used.path, other.path])


def test_a_higher_fence_removes_what_a_lower_one_of_the_job_has_left(tmp_path):
    stopped = JobFolder.create(tmp_path, "s", "job", 1)
    stopped.write("secret", "text")

    taken_over = JobFolder.create(tmp_path, "s", "job", 2)

    assert list(tmp_path.iterdir()) == [taken_over.path]
    stopped.remove()
    assert list(tmp_path.iterdir()) == [taken_over.path]


def laid_out(folder):
    texts = {
        "playbooks/tenant_apply.yml": "---",
        "roles/tenant_local/tasks/main.yml": "---",
        "roles/edge_agent/tasks/main.yml": "---",
        "services/tenant_api/src/x.py": "x = 1",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_hash_follows_what_reaches_a_tenant_and_nothing_else(tmp_path):
    laid_out(tmp_path)
    code = CodeHash(tmp_path)
    first = code.current()

    (tmp_path / "roles/edge_agent/tasks/main.yml").write_text("--- # other")
    cache = tmp_path / "services/tenant_api/src/__pycache__"
    cache.mkdir()
    (cache / "x.pyc").write_text("compiled")
    (tmp_path / "roles/tenant_local/README.md").write_text("words")
    (tmp_path / "roles/tenant_local/tasks/.main.yml.swp").write_text("an editor's")
    assert code.current() == first == CodeHash(tmp_path).current()

    (tmp_path / "services/tenant_api/src/x.py").write_text("x = 22")
    second = code.current()
    (tmp_path / "roles/tenant_local/tasks/new.yml").write_text("---")
    assert len({first, second, code.current()}) == 3


def test_a_file_that_is_touched_and_not_changed_changes_nothing(tmp_path):
    laid_out(tmp_path)
    code = CodeHash(tmp_path)
    first = code.current()

    os.utime(tmp_path / "playbooks/tenant_apply.yml", (1, 1))

    assert code.current() == first
