"""Environments of CI jobs: those written here follow the vendors' lists of variables, `RECORDED` ones are real.

The recorded ones are old, and some builds are missing there: merge requests of a recent GitLab, with and without
merged results, and pull requests in Azure Repos. So every case has an environment here, and recorded ones add to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

# Head of a pull request, the merge commit that a CI makes of it, and the commit of a push.
HEAD = "b" * 40
MERGE = "c" * 40
PUSHED = "a" * 40

_COLLECTION = Path(__file__).resolve().parents[3] / "shared" / "data" / "ci-environments.json"


def _read_collection() -> Mapping[str, Mapping[str, str]]:
    if not _COLLECTION.exists():
        return {}
    jobs = json.loads(_COLLECTION.read_text(encoding="utf-8"))
    return {job: variables for job, variables in jobs.items() if not job.startswith("_")}


# Environments of real CI jobs by name, from a file beside the checkout; empty where there is no such file. Tests take
# their cases from it when they are collected, so that without the file there are fewer cases and none is skipped.
RECORDED = _read_collection()

GITHUB_PUSH = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "octo/shop",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_RUN_ID": "5",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_SHA": PUSHED,
}

GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "CI_SERVER_URL": "https://gitlab.example",
    "CI_JOB_ID": "9001",
    "CI_JOB_NAME": "dbt",
    "CI_JOB_URL": "https://gitlab.example/acme/shop/-/jobs/9001",
    "CI_PIPELINE_ID": "77",
    "CI_PIPELINE_URL": "https://gitlab.example/acme/shop/-/pipelines/77",
    "CI_PROJECT_ID": "1217",
    "CI_PROJECT_PATH": "acme/shop",
    "CI_PROJECT_URL": "https://gitlab.example/acme/shop",
    "CI_PROJECT_VISIBILITY": "private",
    "GITLAB_USER_LOGIN": "jane",
}
GITLAB_PUSH = {
    **GITLAB,
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_SHA": PUSHED,
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
}
GITLAB_TAG = {
    **GITLAB,
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_SHA": PUSHED,
    "CI_COMMIT_TAG": "v1",
    "CI_COMMIT_REF_NAME": "v1",
}
_MERGE_REQUEST = {
    **GITLAB,
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_ID": "555123",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "1217",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1217",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/x",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_COMMIT_REF_NAME": "feature/x",
}
GITLAB_DETACHED = {
    **_MERGE_REQUEST,
    "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "",
    "CI_COMMIT_SHA": HEAD,
}
GITLAB_MERGED_RESULT = {
    **_MERGE_REQUEST,
    "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
    "CI_COMMIT_SHA": MERGE,
}
GITLAB_FORK = {**GITLAB_DETACHED, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1300"}
GITLAB_EXTERNAL = {
    **GITLAB,
    "CI_PIPELINE_SOURCE": "external_pull_request_event",
    "CI_EXTERNAL_PULL_REQUEST_IID": "43",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "octo/shop",
    "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "octo/shop",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "feature/x",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA": HEAD,
    "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_COMMIT_SHA": HEAD,
}

REPOSITORY_ID = "278d5cd2-584d-4b63-824a-2ba458937249"
AZURE = {
    "TF_BUILD": "True",
    "BUILD_BUILDID": "33",
    "BUILD_DEFINITIONNAME": "shop",
    "BUILD_REQUESTEDFOR": "Jane Doe",
    "BUILD_REPOSITORY_PROVIDER": "TfsGit",
    "BUILD_REPOSITORY_ID": REPOSITORY_ID,
    "BUILD_REPOSITORY_NAME": "shop",
    "BUILD_REPOSITORY_URI": "https://acme@dev.azure.com/acme/Data%20Platform/_git/shop",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "Data Platform",
    "SYSTEM_JOBID": "12f1170f-54f2-53f3-20dd-22fc7dff55f9",
    "SYSTEM_TASKINSTANCEID": "5caf77c8-9b10-50ef-b5c7-ca89c63e1c86",
    "SYSTEM_TASKINSTANCENAME": "dbtCloud",
    "SYSTEM_JOBIDENTIFIER": "Job.__default",
    "SYSTEM_JOBDISPLAYNAME": "Job",
    "SYSTEM_JOBATTEMPT": "1",
    "SYSTEM_PULLREQUEST_ISFORK": "False",
}
AZURE_PUSH = {
    **AZURE,
    "BUILD_REASON": "IndividualCI",
    "BUILD_SOURCEBRANCH": "refs/heads/feature/x",
    "BUILD_SOURCEBRANCHNAME": "x",
    "BUILD_SOURCEVERSION": PUSHED,
}
AZURE_PULL_REQUEST = {
    **AZURE,
    "BUILD_REASON": "PullRequest",
    "BUILD_SOURCEBRANCH": "refs/pull/12/merge",
    "BUILD_SOURCEBRANCHNAME": "merge",
    "BUILD_SOURCEVERSION": MERGE,
    "BUILD_SOURCEVERSIONMESSAGE": "Merge pull request 12 from feature/x into main",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "12",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/feature/x",
    "SYSTEM_PULLREQUEST_SOURCECOMMITID": HEAD,
    "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
}

BITBUCKET = {
    "CI": "true",
    "BITBUCKET_BUILD_NUMBER": "5",
    "BITBUCKET_BRANCH": "main",
    "BITBUCKET_COMMIT": PUSHED,
    "BITBUCKET_REPO_FULL_NAME": "acme/shop",
    "BITBUCKET_REPO_IS_PRIVATE": "true",
    "BITBUCKET_STEP_RUN_NUMBER": "1",
    "BITBUCKET_STEP_UUID": "{0d5e3dfb-0000-4000-8000-5e1f5b1c9a01}",
    "BITBUCKET_WORKSPACE": "acme",
}
BITBUCKET_PULL_REQUEST = {
    **BITBUCKET,
    "BITBUCKET_BRANCH": "feature/x",
    "BITBUCKET_COMMIT": HEAD[:12],
    "BITBUCKET_PR_ID": "2",
    "BITBUCKET_PR_DESTINATION_BRANCH": "main",
}

# Azure Pipelines building a repository on GitHub.
AZURE_FOR_GITHUB = {
    **AZURE_PULL_REQUEST,
    "BUILD_REPOSITORY_PROVIDER": "GitHub",
    "BUILD_REPOSITORY_ID": "octo/shop",
    "BUILD_REPOSITORY_NAME": "octo/shop",
    "BUILD_REPOSITORY_URI": "https://github.com/octo/shop",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "540266026",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "89",
}
