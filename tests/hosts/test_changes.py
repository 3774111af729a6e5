"""What the gates ask of each host: whole lists of files, or a gap, or an error; never a shorter list."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dbt_action import ci, hosts
from dbt_action.hosts import change_lists
from dbt_action.hosts.base import ChangedFiles, ChangeReader
from dbt_action.hosts.transport import Answer, HostError
from emulator.hosts import AzureDevOps, Bitbucket, GitHub, GitLab
from emulator.hosts.azure_devops import PullRequest
from emulator.hosts.base import Changes
from tests.support import environments as env
from tests.support.clock import FakeClock
from tests.support.host_cases import Case

BEFORE = "d" * 40
FILES = tuple((f"dbt/models/{number}.sql", None) for number in range(250))


def reader(case: Case, clock: FakeClock | None = None) -> ChangeReader:
    context = ci.detect(case.environ, io.StringIO()).context()
    tokens = {
        host_type.token.name: case.environ.get(host_type.token.variable, "") for host_type in hosts.KNOWN.values()
    }
    return hosts.choose(case.environ, context, tokens=tokens).read_changes(clock or FakeClock())


def names(files: ChangedFiles) -> set[str]:
    return set(files.paths)


def test_files__of_several_pages(case: Case) -> None:
    case.host.changes = Changes(files=FILES)

    files = reader(case).pull_request_files()

    assert "" == files.gap
    assert {path for path, _ in FILES} == names(files)


@pytest.mark.parametrize("path", ["README.md", "with space.sql", "ünï/çode.sql", "a/[b]*?.sql", "x\ny.sql", "#.sql"])
def test_files__have_the_names_that_git_knows(case: Case, path: str) -> None:
    case.host.changes = Changes(files=((path, None),))

    assert {path} == names(reader(case).pull_request_files())


def test_files__that_were_renamed_have_both_names(case: Case) -> None:
    case.host.changes = Changes(files=(("docs/a.md", "dbt/models/a.sql"),))

    assert {"docs/a.md", "dbt/models/a.sql"} == names(reader(case).pull_request_files())


def test_files__without_any_the_list_is_empty(case: Case) -> None:
    assert ChangedFiles(paths=()) == reader(case).pull_request_files()


def test_everything__that_the_token_may_not_read_is_an_error(case: Case) -> None:
    case.host.changes = Changes(files=FILES, labels=("a",), refused=True)
    host = reader(case)

    for read in (host.pull_request_files, host.is_draft, host.labels):
        with pytest.raises(HostError):
            read()
    assert {request.method for request in case.host.requests} == {"GET"}


def test_draft__as_it_is_now(case: Case) -> None:
    assert reader(case).is_draft() is False
    case.host.changes = Changes(draft=True)
    assert reader(case).is_draft() is True


def test_labels__all_of_them(case: Case) -> None:
    labels = tuple(f"label {number}" for number in range(120))
    case.host.changes = Changes(labels=labels)

    if hosts.KNOWN[case.key].has_labels:
        assert set(labels) == reader(case).labels()
    else:
        with pytest.raises(HostError, match="no labels"):
            reader(case).labels()


def test_message__is_whole(case: Case) -> None:
    case.host.changes = Changes(messages={env.HEAD: "First line\n\n[skip dbt]"})

    assert "First line\n\n[skip dbt]" == reader(case).commit_message(env.HEAD)


@pytest.mark.parametrize("sha", ["", "main", "../../user", "b" * 12])
def test_message__only_of_a_whole_hash(case: Case, sha: str) -> None:
    with pytest.raises(HostError):
        reader(case).commit_message(sha)
    assert () == tuple(case.host.requests)


def test_push__lists_what_differs(case: Case) -> None:
    case.host.changes = Changes(pushes={(BEFORE, env.HEAD): (("a.sql", None), ("b.sql", "c.sql"))})

    if case.sample.compares:
        files = reader(case).pushed_files(BEFORE, env.HEAD)
        assert ("", {"a.sql", "b.sql", "c.sql"}) == (files.gap, names(files))
        # The commit before is gone, as after a forced push.
        with pytest.raises(HostError):
            reader(case).pushed_files("c" * 40, env.HEAD)
    else:
        with pytest.raises(HostError, match="not known here"):
            reader(case).pushed_files(BEFORE, env.HEAD)


def test_push__that_removed_commits_has_a_gap(case: Case) -> None:
    case.host.changes = Changes(pushes={(BEFORE, env.HEAD): (("a.md", None),)}, forced=True)

    if case.sample.compares:
        assert "did not only add commits" in reader(case).pushed_files(BEFORE, env.HEAD).gap


@pytest.mark.parametrize("count, gap", [(2_999, False), (3_000, True), (3_500, True)])
def test_github__lists_at_most_3000_files(count: int, gap: bool) -> None:  # noqa: FBT001
    with GitHub() as host:
        host.changes = Changes(files=tuple((f"{number}.md", None) for number in range(count)))
        environ = {**env.GITHUB_PUSH, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": host.token}
        files = reader(Case("github", host, {**environ, "GITHUB_REPOSITORY": "acme/shop"})).pull_request_files()

    assert gap is ("GitHub lists at most 3,000 files" == files.gap)


def test_github__a_page_that_is_not_full_may_have_a_next_one() -> None:
    with GitHub() as host:
        host.changes = Changes(files=FILES)
        body = [{"filename": "README.md"}]
        host.faults.add(kind="status", code=200, body=body, headers={"Link": '<https://x.example/2>; rel="next"'})
        environ = {**env.GITHUB_PUSH, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": host.token}
        files = reader(Case("github", host, {**environ, "GITHUB_REPOSITORY": "acme/shop"})).pull_request_files()

    assert {"README.md", "dbt/models/150.sql"} <= names(files)


@pytest.mark.parametrize("count, gap", [(299, False), (300, True), (301, True)])
def test_github__compares_at_most_300_files(count: int, gap: bool) -> None:  # noqa: FBT001
    with GitHub() as host:
        host.changes = Changes(pushes={(BEFORE, env.HEAD): tuple((f"{number}.md", None) for number in range(count))})
        environ = {**env.GITHUB_PUSH, "GITHUB_API_URL": host.url, "GITHUB_TOKEN": host.token}
        files = reader(Case("github", host, {**environ, "GITHUB_REPOSITORY": "acme/shop"})).pushed_files(
            BEFORE, env.HEAD
        )

    assert gap is bool(files.gap)


@pytest.mark.parametrize("count, gap", [(1_000, False), (1_001, True)])
def test_gitlab__counts_at_most_1000_files(count: int, gap: bool) -> None:  # noqa: FBT001
    with GitLab() as host:
        host.changes = Changes(files=tuple((f"{number}.md", None) for number in range(count)))
        environ = {**env.GITLAB_DETACHED, "CI_API_V4_URL": host.url, "GITLAB_TOKEN": "glpat-token"}

        assert gap is bool(reader(Case("gitlab", host, environ)).pull_request_files().gap)


def test_files__of_an_unknown_shape_are_an_error_or_have_a_gap(case: Case) -> None:
    for body in case.sample.odd_lists:
        case.host.faults.add(kind="status", code=200, body=body, times=None)
        try:
            doubt = reader(case).pull_request_files().gap
        except HostError as error:
            doubt = error.message
        case.host.faults.clear()
        assert doubt, body


def test_bitbucket__a_redirect_to_another_server_gets_no_token() -> None:
    with Bitbucket() as host, Bitbucket() as other:
        environ = {**env.BITBUCKET_PULL_REQUEST, "BITBUCKET_API_URL": host.url}
        case = Case("bitbucket", host, {**environ, "BITBUCKET_ACCESS_TOKEN": "bitbucket-token"})
        location = {"Location": f"{other.url}/repositories/acme/shop/diffstat/x"}
        host.faults.add(kind="status", code=302, headers=location, body={})

        with pytest.raises(HostError, match="a redirect"):
            reader(case).pull_request_files()
        assert () == tuple(other.requests)


class SlowClock(FakeClock):
    """Ten seconds pass each time it is read."""

    def now(self) -> float:
        self.sleep(10.0)
        return super().now()


def test_collect__stops_when_it_takes_too_long() -> None:
    pages = ([{"path": "a"}] for _ in range(10**9))

    files = change_lists.collect(pages, lambda file: [file.get("path")], clock=SlowClock())

    assert (True, True) == (len(files.paths) < 10, bool(files.gap))


def test_collect__stops_after_its_last_page() -> None:
    pages = ([{"path": "a"}] for _ in range(10**9))

    files = change_lists.collect(pages, lambda file: [file.get("path")], clock=FakeClock())

    assert (change_lists.MAX_PAGES, True) == (len(files.paths), bool(files.gap))


# What the vendors' own clients read from the emulators: they know neither the product nor the emulator.


def test_python_gitlab__reads_the_same_list() -> None:
    gitlab = pytest.importorskip("gitlab")
    with GitLab() as host, gitlab.Gitlab(host.root, private_token="glpat-token") as client:
        host.changes = Changes(files=(("a.sql", "b.sql"),), labels=("datafold",), draft=True)
        request = client.projects.get(1217, lazy=True).mergerequests.get(7)
        diffs = client.http_list("/projects/1217/merge_requests/7/diffs", get_all=True)

    assert (["datafold"], True, "1") == (request.labels, request.draft, request.changes_count)
    assert [("a.sql", "b.sql")] == [(diff["new_path"], diff["old_path"]) for diff in diffs]


def test_pygithub__reads_the_same_list() -> None:
    github = pytest.importorskip("github")
    with GitHub() as host:
        host.changes = Changes(files=(("a.sql", "b.sql"),), labels=("datafold",), draft=True)
        client = github.Github(base_url=host.url, auth=github.Auth.Token(host.token), lazy=True, retry=None)
        with client:
            pull = client.get_repo("acme/shop").get_pull(7)
            (file,) = pull.get_files()
            (label,) = client.get_repo("acme/shop").get_issue(7).get_labels()
            draft = pull.draft

    assert ("a.sql", "b.sql", "datafold", True) == (file.filename, file.previous_filename, label.name, draft)


def test_azure_devops__reads_the_same_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It caches what it learns about a server, by default in the home directory.
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "cache"))
    git_client = pytest.importorskip("azure.devops.v7_1.git.git_client")
    authentication = pytest.importorskip("msrest.authentication")
    repository = {"repository_id": env.REPOSITORY_ID, "project": "Data Platform", "pull_request_id": 12}
    with AzureDevOps(pull_requests={12: PullRequest([env.HEAD])}) as host:
        host.changes = Changes(files=(("a.sql", "b.sql"),), labels=("datafold",))
        credentials = authentication.BasicAuthentication("", "azure-token")
        client = git_client.GitClient(base_url=host.url.rstrip("/"), creds=credentials)
        changes = client.get_pull_request_iteration_changes(iteration_id=1, compare_to=0, **repository).change_entries
        (label,) = client.get_pull_request_labels(**repository)

    (change,) = (change for change in changes if not change.additional_properties["item"].get("isFolder"))
    assert ("/a.sql", "/b.sql", True) == (
        change.additional_properties["item"]["path"],
        change.additional_properties["sourceServerItem"],
        label.active,
    )


@pytest.mark.parametrize(
    "answer, kind", [({"draft": "yes"}, bool), ({}, bool), ({"labels": {}}, list)], ids=["text", "missing", "object"]
)
def test_field__of_another_type_is_an_error(answer: dict[str, Any], kind: type[Any]) -> None:
    name = next(iter(answer), "draft")

    with pytest.raises(HostError, match=f"without `{name}`"):
        change_lists.field(Answer(answer, {}), name, kind)


def test_labels__that_are_no_texts_are_an_error() -> None:
    with pytest.raises(HostError, match="names of the labels"):
        change_lists.label_names(["a", None])


def test_host__that_is_not_known_has_no_lists() -> None:
    choice = hosts.choose({}, ci.detect({"DBT_CI": "none"}, io.StringIO()).context(), tokens={})

    with pytest.raises(HostError, match="not known where the code lives"):
        choice.read_changes(FakeClock())
    assert "" == choice.changes_hint(403)
