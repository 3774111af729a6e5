"""The files that users copy: they pass the vendors' schemas, and use inputs and outputs that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_action.app import ROWS
from dbt_action.ci.files import output_variable
from dbt_action.ci.gitlab_ci import CODE_QUALITY, LINKS, PATHS
from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS
from tests.support import samples

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
COMPONENT = ROOT / "templates" / "dbt-cloud-run.yml"
# By the key of the CI. Those of GitHub use the action; tests/packaging/test_recipes.py is about them.
PLATFORMS = sorted({folder.name for folder in EXAMPLES.iterdir() if folder.name in samples.CIS} - {"github"})
VARIABLES = {name for row in ROWS for name in row.variables()}
OUTPUT_VARIABLES = {output_variable(output.name) for output in OUTPUTS}
# Variables of the examples themselves: the address from which pip installs the package.
OWN = {"DBT_CLOUD_RUN"}


def files(platform: str) -> list[Path]:
    return sorted((EXAMPLES / platform).glob("*.yml"))


ALL = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for platform in PLATFORMS for path in files(platform)]


def facts(platform: str) -> samples.Examples:
    """The properties of a CI's examples, as the tests of that CI declare them."""
    found = samples.of_ci(samples.CIS[platform]).examples
    assert found, f"examples/{platform} exists, but SAMPLE of that CI has no `examples=`"
    return found


def check(schema: tuple[str, ...], *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_examples__pass_the_vendors_schema(platform: str) -> None:
    done = check(facts(platform).schema, *files(platform))

    assert done.returncode == 0, done.stdout


def test_component__passes_the_schema_in_both_of_its_documents(tmp_path: Path) -> None:
    """The schema is for one document, and knows no expressions, so inputs are replaced by their defaults."""
    spec, jobs = COMPONENT.read_text(encoding="utf-8").split("\n---\n")
    given = {name: str(entry.get("default", "1")) for name, entry in yaml.safe_load(spec)["spec"]["inputs"].items()}
    filled = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda match: given[match[1]], jobs)
    (tmp_path / "spec.yml").write_text(f"{spec}\n")
    (tmp_path / "jobs.yml").write_text(filled)

    assert check(facts("gitlab").schema, tmp_path / "jobs.yml").returncode == 0
    assert "$[[" not in filled
    # Every input is used.
    assert set() == {name for name in given if f"inputs.{name} " not in jobs}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_examples__exist_in_all_variants(platform: str) -> None:
    expected = {f"on-{event}{lint}.yml" for event in ("merge", facts(platform).request) for lint in ("", "-with-lint")}

    assert expected <= {path.name for path in files(platform)}


@pytest.mark.parametrize("path", ALL)
def test_example__uses_variables_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r"\bDBT_[A-Z_]+\b", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)))

    assert set() == found - VARIABLES - OUTPUT_VARIABLES - OWN


@pytest.mark.parametrize("path", [param for param in ALL if not re.search("/(template|with-component)", str(param.id))])
def test_example__its_job_ends_later_than_the_command_so_that_it_can_cancel(path: Path) -> None:
    known, text = facts(path.parent.name), path.read_text(encoding="utf-8")

    if known.limit:
        name, value = known.limit
        assert [job[name] for job in known.jobs(yaml.safe_load(text))] == [value]
    assert [int(value) for value in re.findall(r"DBT_TIMEOUT_MINUTES\W+(\d+)", text)] in (
        [110],
        # Given in the template.
        [] if "template" in path.name else [110],
    )


@pytest.mark.parametrize("path", [param for param in ALL if "/template" not in str(param.id)])
def test_example__marks_the_values_that_users_have_to_change(path: Path) -> None:
    to_change = re.compile(
        r"(ab123\.us1\.dbt\.com|account-?_?id\b.*\d|job-?_?id\b.*\d|component: |endpoint: )", re.IGNORECASE
    )
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    found = [line for line in lines if to_change.search(line)]

    assert len(found) >= (2 if path.name.startswith("with-") else 3)
    assert [] == [line for line in found if not line.endswith("  # yours")]


def test_component__only_merge_requests_are_interruptible() -> None:
    """A newer push must not cancel a deployment from the default branch."""
    jobs = yaml.safe_load(COMPONENT.read_text(encoding="utf-8").split("\n---\n")[1])
    interruptible = {name for name, job in jobs.items() if "interruptible" in job}

    assert {".dbt-cloud-run-merge-request"} == interruptible


def test_gitlab__only_merge_requests_are_interruptible() -> None:
    for path in files("gitlab"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "dbt-cloud" in document:
            assert document["dbt-cloud"].get("interruptible", False) is ("merge-request" in path.name)


def test_archives_and_components__are_of_one_tag() -> None:
    for path in (*(path for name in PLATFORMS for path in files(name)), COMPONENT, ROOT / "docs" / "platforms.md"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"refs/tags/(\w+)", text)) <= {"v1"}
        assert set(re.findall(r"dbt-cloud-run@(\w+)", text)) <= {"v1"}


@pytest.mark.parametrize("path", [param for param in ALL if "with-lint" in str(param.id)])
def test_example__lints_before_it_runs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.index("sqlfluff lint") < text.index("dbt-cloud-run\n")
    assert facts(path.parent.name).lint in text


@pytest.mark.parametrize("path", [COMPONENT, *(path for path in files("gitlab") if path.name.startswith("on-"))])
def test_gitlab__collects_the_files_that_we_write(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    for name in map(str, (PATHS.outputs, PATHS.summary, LINKS, CODE_QUALITY)):
        assert name in text
    assert "exec dbt-cloud-run\n" in text
    assert "dbt-cloud-run cancel" in text


@pytest.mark.parametrize(
    "path", [param for param in ALL if str(param.id).startswith("azure/") and "with-t" not in str(param.id)]
)
def test_azure__cancels_and_names_its_step_so_that_outputs_are_no_inputs(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = document.get("steps") or document["jobs"][-1]["steps"]
    named = [step for step in steps if "name" in step]
    cancels = [step for step in steps if step.get("condition") == "canceled()"]

    assert ["exec dbt-cloud-run"] == [step["bash"] for step in named]
    prefix = named[0]["name"].upper()
    assert {f"{prefix}_{output.name.upper().replace('-', '_')}" for output in OUTPUTS} & VARIABLES == set()
    assert ["exec dbt-cloud-run cancel"] == [step["bash"] for step in cancels]
    # Azure passes secrets to a step only if they are mapped, so both steps need them.
    for step in (*named, *cancels):
        assert {"DBT_TOKEN", "SYSTEM_ACCESSTOKEN"} <= set(step["env"])


def test_azure__the_lint_step_turns_annotations_of_sqlfluff_into_issues(tmp_path: Path) -> None:
    text = (EXAMPLES / "azure" / "on-merge-with-lint.yml").read_text(encoding="utf-8")
    expression = re.search(r"sed -E '(.+)'$", text, re.MULTILINE)
    assert expression
    lint = (
        "::group::models/a.sql\n"
        "::error title=SQLFluff,file=models/a.sql,line=1,col=10,endLine=1::LT01: no blank [layout.spacing]\n"
        "::endgroup::\n"
    )
    done = subprocess.run(
        ["sed", "-E", expression[1]], input=lint, capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout == (
        "##vso[task.logissue type=error;sourcepath=models/a.sql;linenumber=1;columnnumber=10]"
        "LT01: no blank [layout.spacing]\n"
    )


def test_azure__with_template_passes_the_parameters_of_the_template() -> None:
    template = yaml.safe_load((EXAMPLES / "azure" / "template.yml").read_text(encoding="utf-8"))
    user = yaml.safe_load((EXAMPLES / "azure" / "with-template.yml").read_text(encoding="utf-8"))
    known = {entry["name"]: entry for entry in template["parameters"]}
    (job,) = user["jobs"]
    (step,) = job["steps"]

    assert (ROOT / step["template"].partition("@")[0]).exists()
    assert set(step["parameters"]) <= set(known)
    assert {name for name, entry in known.items() if "default" not in entry} <= set(step["parameters"])
    used = set(re.findall(r"parameters\.(\w+)", (EXAMPLES / "azure" / "template.yml").read_text(encoding="utf-8")))
    assert set(known) == used


@pytest.mark.parametrize("path", [path for path in files("bitbucket") if path.name.startswith("on-")])
def test_bitbucket__declares_the_outputs_that_it_requests(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    requested = re.search(r"DBT_OUTPUT_VARIABLES=(\S+)", text)
    assert requested

    declared = re.findall(r"^            - (DBT_RUN_\w+)$", text, re.MULTILINE)
    assert requested[1].split(",") == declared
    assert set(declared) <= OUTPUT_VARIABLES


PIPE: dict[str, Any] = yaml.safe_load((ROOT / "pipe.yml").read_text(encoding="utf-8"))


def test_pipe__has_the_fields_that_bitbucket_requires() -> None:
    """The vendor publishes no schema."""
    assert {"name", "image", "category", "description", "repository", "maintainer", "vendor", "variables"} <= set(PIPE)
    assert all(set(entry) <= {"name", "default"} for entry in PIPE["variables"])
    # A variable without a default is required.
    assert ["DBT_TOKEN"] == [entry["name"] for entry in PIPE["variables"] if "default" not in entry]


def test_pipe__takes_inputs_and_two_variables_that_bitbucket_does_not_pass_to_pipes() -> None:
    names = {entry["name"] for entry in PIPE["variables"]}

    assert {"BITBUCKET_PR_ID", "BITBUCKET_PR_DESTINATION_BRANCH"} == names - VARIABLES


def test_pipe__its_defaults_are_those_of_the_inputs() -> None:
    defaults = {row.variable: row.default for row in INPUTS}
    for entry in PIPE["variables"]:
        if entry.get("default") and entry["name"] != "DBT_JUNIT_PATH":
            assert defaults[entry["name"]] == entry["default"], entry["name"]


def test_pipe__the_example_passes_variables_of_the_pipe() -> None:
    user = yaml.safe_load((EXAMPLES / "bitbucket" / "with-pipe.yml").read_text(encoding="utf-8"))
    (step,) = user["pipelines"]["pull-requests"]["**"]
    completed, call = step["step"]["script"]

    # The image of the pipe has no git to complete the abbreviated commit hash of a pull request.
    assert 'export DBT_GIT_SHA=$(git rev-parse "$BITBUCKET_COMMIT^{commit}")' == completed
    assert "$DBT_GIT_SHA" == call["variables"]["DBT_GIT_SHA"]
    assert call["variables"]["DBT_JUNIT_PATH"].startswith("test-results/")
    assert f"docker://{PIPE['image']}" == call["pipe"]
    assert set(call["variables"]) <= {entry["name"] for entry in PIPE["variables"]}
