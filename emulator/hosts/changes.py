"""Changed files, labels, drafts and commit messages, as each emulated host serves them.

[documented: the REST APIs of GitHub (pulls, compare), GitLab (merge requests, repositories), Azure DevOps (git) and
Bitbucket Cloud (pullrequests, commits); the redirect of Bitbucket is from memory]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, redirect, request

from emulator.hosts.base import FakeHost, File, RefusedError

if TYPE_CHECKING:
    from emulator.routing import Route

GITHUB_FILES, GITHUB_COMPARED, GITLAB_COUNTED = 3_000, 300, 1_000


def _page(values: list[Any], size: int, number: int) -> list[Any]:
    return values[(number - 1) * size : number * size]


def _pushed(host: FakeHost, before: str, after: str, not_found: object) -> tuple[File, ...]:
    try:
        return host.changes.pushes[before, after]
    except KeyError:
        raise RefusedError(404, not_found) from None


def _guarded(host: FakeHost, forbidden: object, routes: list[Route]) -> list[Route]:
    """The routes, refused when the token may not read."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(**names: Any) -> Any:  # noqa: ANN401 - of the view
            if host.changes.refused:
                raise RefusedError(403, forbidden)
            return view(**names)

        return guarded

    return [(method, rule, guard(view)) for method, rule, view in routes]


def github_routes(host: FakeHost, repository: str, forbidden: object) -> list[Route]:
    """The routes of GitHub below the path of the `repository`."""

    def listed(values: list[Any]) -> Response:
        size = min(int(request.args.get("per_page", 30)), 100)
        return jsonify(_page(values, size, int(request.args.get("page", 1))))

    def json_of(file: File) -> dict[str, Any]:
        path, old = file
        renamed = {"status": "renamed", "previous_filename": old} if old else {"status": "modified"}
        return {"sha": "0" * 40, "filename": path, "additions": 1, "deletions": 0, "changes": 1, **renamed}

    def files(**_names: Any) -> Response:  # noqa: ANN401 - parts of the path
        return listed([json_of(file) for file in host.changes.files[:GITHUB_FILES]])

    def compare(basehead: str, **_names: Any) -> Response:  # noqa: ANN401
        before, _, after = basehead.partition("...")
        changed = _pushed(host, before, after, host.not_found())
        status = "diverged" if host.changes.forced else "ahead" if before != after else "identical"
        shown = [json_of(file) for file in changed[:GITHUB_COMPARED]]
        return jsonify({"status": status, "ahead_by": 1, "behind_by": 0, "commits": [], "files": shown})

    def labels(**_names: Any) -> Response:  # noqa: ANN401
        return listed([{"id": number, "name": name} for number, name in enumerate(host.changes.labels)])

    def pull(number: int, **_names: Any) -> Response:  # noqa: ANN401
        return jsonify({"number": number, "draft": host.changes.draft, "changed_files": len(host.changes.files)})

    return _guarded(
        host,
        forbidden,
        [
            ("GET", f"{repository}/pulls/<int:number>", pull),
            ("GET", f"{repository}/pulls/<int:number>/files", files),
            ("GET", f"{repository}/issues/<int:number>/labels", labels),
            ("GET", f"{repository}/compare/<basehead>", compare),
        ],
    )


def gitlab_routes(host: FakeHost, project: str, forbidden: object) -> list[Route]:
    """The routes of GitLab below the path of the `project`."""

    def json_of(file: File) -> dict[str, Any]:
        path, old = file
        flags = {"new_file": False, "renamed_file": bool(old), "deleted_file": False}
        return {"new_path": path, "old_path": old or path, "diff": "", "collapsed": False, **flags}

    def merge_request(number: int, **_names: Any) -> Response:  # noqa: ANN401 - parts of the path
        changes, count = host.changes, len(host.changes.files)
        counted = str(count) if count <= GITLAB_COUNTED else f"{GITLAB_COUNTED}+"
        labels = list(changes.labels)
        return jsonify({"iid": number, "labels": labels, "draft": changes.draft, "changes_count": counted})

    def diffs(**_names: Any) -> Response:  # noqa: ANN401
        size, page = min(int(request.args.get("per_page", 20)), 100), int(request.args.get("page", 1))
        answer = jsonify([json_of(file) for file in _page(list(host.changes.files), size, page)])
        answer.headers["X-Next-Page"] = str(page + 1) if page * size < len(host.changes.files) else ""
        return answer

    def compare(**_names: Any) -> Response:  # noqa: ANN401
        changed = _pushed(host, request.args["from"], request.args["to"], {"message": "404 Not Found"})
        return jsonify({"commits": [], "diffs": [json_of(file) for file in changed], "compare_timeout": False})

    def merge_base(**_names: Any) -> Response:  # noqa: ANN401
        before, after = request.args.getlist("refs[]")
        _pushed(host, before, after, {"message": "404 Not Found"})
        return jsonify({"id": "e" * 40 if host.changes.forced else before})

    def commit(sha: str, **_names: Any) -> Response:  # noqa: ANN401
        return jsonify({"id": sha, "message": host.changes.messages.get(sha, "")})

    return _guarded(
        host,
        forbidden,
        [
            ("GET", f"{project}/merge_requests/<int:number>", merge_request),
            ("GET", f"{project}/merge_requests/<int:number>/diffs", diffs),
            ("GET", f"{project}/repository/compare", compare),
            ("GET", f"{project}/repository/merge_base", merge_base),
            ("GET", f"{project}/repository/commits/<sha>", commit),
        ],
    )


def azure_routes(host: FakeHost, repository: str, forbidden: object) -> list[Route]:
    """The routes of Azure Repos below the path of the `repository`."""
    pull = f"{repository}/pullRequests/<int:number>"

    def get_pull(number: int, **_names: Any) -> Response:  # noqa: ANN401 - parts of the path
        return jsonify({"pullRequestId": number, "isDraft": host.changes.draft})

    def labels(**_names: Any) -> Response:  # noqa: ANN401
        found = [{"id": str(number), "name": name, "active": True} for number, name in enumerate(host.changes.labels)]
        return jsonify({"count": len(found), "value": found})

    def changes(**_names: Any) -> Response:  # noqa: ANN401
        top, skip = min(int(request.args.get("$top", 100)), 2_000), int(request.args.get("$skip", 0))
        all_files = host.changes.files
        entries: list[dict[str, Any]] = [
            {
                "changeId": number,
                "item": {"objectId": "0" * 40, "path": f"/{path}"},
                "changeType": "rename" if old else "edit",
                **({"sourceServerItem": f"/{old}", "originalPath": f"/{old}"} if old else {}),
            }
            for number, (path, old) in enumerate(all_files[skip : skip + top], skip + 1)
        ]
        if not skip:
            # The folder of the first file, as in some answers.
            entries.append({"changeId": 0, "item": {"path": "/dbt", "isFolder": True}, "changeType": "edit"})
        rest = len(all_files) - skip - top
        following = {"nextSkip": skip + top, "nextTop": min(top, rest)} if rest > 0 else {"nextSkip": 0, "nextTop": 0}
        return jsonify({"changeEntries": entries, **following})

    def commit(sha: str, **_names: Any) -> Response:  # noqa: ANN401
        return jsonify({"commitId": sha, "comment": host.changes.messages.get(sha, "")})

    return _guarded(
        host,
        forbidden,
        [
            ("GET", pull, get_pull),
            ("GET", f"{pull}/labels", labels),
            ("GET", f"{pull}/iterations/<int:iteration>/changes", changes),
            ("GET", f"{repository}/commits/<sha>", commit),
        ],
    )


def bitbucket_routes(host: FakeHost, repository: str, forbidden: object) -> list[Route]:
    """The routes of Bitbucket Cloud below the path of the `repository`."""

    def get_pull(number: int, **_names: Any) -> Response:  # noqa: ANN401 - parts of the path
        return jsonify({"id": number, "draft": host.changes.draft})

    def of_pull_request(number: int, **_names: Any) -> Any:  # noqa: ANN401 - a redirect
        path = request.base_url.replace(f"/pullrequests/{number}/diffstat", "/diffstat/acme/shop:bbb%0Daaa")
        return redirect(f"{path}?{request.query_string.decode()}&topic=true")

    def diffstat(**_names: Any) -> Response:  # noqa: ANN401
        size, page = int(request.args.get("pagelen", 500)), int(request.args.get("page", 1))
        files = host.changes.files
        values = [
            {
                "type": "diffstat",
                "status": "renamed" if old else "modified",
                "new": side(path),
                "old": side(old or path),
            }
            for path, old in _page(list(files), size, page)
        ]
        body: dict[str, Any] = {"pagelen": size, "page": page, "size": len(files), "values": values}
        if page * size < len(files):
            body["next"] = f"{request.base_url}?pagelen={size}&page={page + 1}"
        return jsonify(body)

    def side(path: str) -> dict[str, Any]:
        return {"type": "commit_file", "path": path, "escaped_path": path}

    return _guarded(
        host,
        forbidden,
        [
            ("GET", f"{repository}/pullrequests/<int:number>", get_pull),
            ("GET", f"{repository}/pullrequests/<int:number>/diffstat", of_pull_request),
            ("GET", f"{repository}/diffstat/<path:spec>", diffstat),
        ],
    )
