"""What each CI does with our log: folds, issues, outputs, summaries, masks; and not with other people's text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dbt_action import ci, outputs
from dbt_action.ci.terminal import Terminal, variable
from dbt_action.config import ROWS
from tests.platforms import environments as env
from tests.platforms.decoders import MAX_DOTENV_VARIABLES, Vso, dotenv, formats, sections, vso

ENVIRONMENTS = {
    "gitlab": env.GITLAB_PUSH,
    "azure": env.AZURE_PUSH,
    "bitbucket": env.BITBUCKET,
    "none": {},
}
# What a dbt project might print.
HOSTILE = (
    "##vso[task.setvariable variable=PATH]/evil\n"
    "innocent ##VSO[task.complete result=Failed;]done\n"
    "##[error]not ours\n##[group]never closed\n"
    "::error::not ours\n"
    "\x1b[0Ksection_start:1:evil[collapsed=true]\r\x1b[0Kevil\n"
    "\x1b[0Ksection_end:1:dbt_cloud_run_1\r\x1b[0K\n"
    "one\r##vso[task.setsecret]x\n"
    "\u2028##vso[task.setsecret]y\x85##[debug]z"
)


class Place:
    """A CI with its log, in a working directory of its own."""

    def __init__(self, key: str, folder: Path) -> None:
        self.out = io.StringIO()
        more = {"AGENT_TEMPDIRECTORY": str(folder / "temp")} if key == "azure" else {}
        self.ci: Terminal = ci.detect({**ENVIRONMENTS[key], **more}, self.out)

    @property
    def log(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place("gitlab", tmp_path)


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place("azure", tmp_path)


@pytest.fixture(params=list(ENVIRONMENTS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(request.param, tmp_path)


# Folds.


def test_fold__gitlab_has_sections_that_end_and_have_names_of_their_own(gitlab: Place) -> None:
    gitlab.ci.foreign("Log of step 4", "one\ntwo")
    gitlab.ci.foreign("Log of step 5", "three")

    names = ["dbt_cloud_run_1", "dbt_cloud_run_1", "dbt_cloud_run_2", "dbt_cloud_run_2"]
    assert sections(gitlab.log) == list(zip(["start", "end"] * 2, names, strict=True))
    assert "[collapsed=true]\r\x1b[0KLog of step 4\n│ one\n│ two\n" in gitlab.log


def test_fold__azure_has_groups(azure: Place) -> None:
    azure.ci.foreign("Log of step 4", "one")

    assert azure.log == "##[group]Log of step 4\n│ one\n##[endgroup]\n"


def test_fold__bitbucket_and_terminal_have_a_heading(tmp_path: Path) -> None:
    for key in ("bitbucket", "none"):
        plain = Place(key, tmp_path)
        plain.ci.foreign("Log of step 4", "one")

        assert plain.log == "Log of step 4\n│ one\n"


# Issues.


def test_annotation__azure_has_issues_with_their_file(azure: Place) -> None:
    azure.ci.error("Got 3 results\nand 100% more; [sic]", title="test not_null", file="models/[a];b.yml")
    azure.ci.warning("careful")

    assert vso(azure.log) == [
        Vso(
            "task.logissue",
            "test not_null\nGot 3 results\nand 100% more; [sic]",
            {"type": "error", "sourcepath": "models/[a];b.yml"},
        ),
        Vso("task.logissue", "careful", {"type": "warning"}),
    ]


def test_annotation__gitlab_has_a_code_quality_report_for_files(gitlab: Place) -> None:
    gitlab.ci.error("Got 3 results", title="test not_null", file="models/a.yml")
    gitlab.ci.warning("careful", file="models/b.sql")
    gitlab.ci.error("about nothing in particular")

    report = json.loads(Path("dbt-code-quality.json").read_text(encoding="utf-8"))
    assert [(one["severity"], one["location"], one["description"]) for one in report] == [
        ("major", {"path": "models/a.yml", "lines": {"begin": 1}}, "test not_null: Got 3 results"),
        ("minor", {"path": "models/b.sql", "lines": {"begin": 1}}, "careful"),
    ]
    assert len({one["fingerprint"] for one in report}) == 2
    assert {one["check_name"] for one in report} == {"dbt"}
    assert "\x1b[0;31mError:\x1b[0m test not_null" in gitlab.log


def test_annotation__bitbucket_and_terminal_have_marked_lines(tmp_path: Path) -> None:
    for key in ("bitbucket", "none"):
        plain = Place(key, tmp_path)
        plain.ci.error("Got 3 results", title="test not_null", file="models/a.yml")

        assert plain.log == "Error: test not_null\nError: models/a.yml\nError: Got 3 results\n"


# Outputs.


def test_output__gitlab_has_a_dotenv_report_with_the_newest_values(gitlab: Place) -> None:
    gitlab.ci.output({"run-id": "7", "run-url": "https://x.example/7", "status": "started", "run_id": "7"})
    gitlab.ci.output({"status": "success", "job-name": 'one "two"\nthree \x1b[31m' + "x" * 9999})

    found = dotenv(Path("dbt.env").read_text(encoding="utf-8"))
    assert (found["DBT_RUN_ID"], found["DBT_RUN_STATUS"]) == ("7", "success")
    assert found["DBT_RUN_JOB_NAME"].startswith('one "two" three xxx')


def test_output__all_of_them_fit_into_a_dotenv_report(gitlab: Place) -> None:
    gitlab.ci.output({output.name: "x" * 300 for output in outputs.OUTPUTS})

    assert len(dotenv(Path("dbt.env").read_text(encoding="utf-8"))) <= MAX_DOTENV_VARIABLES


def test_output__no_variable_is_an_input_of_a_later_job() -> None:
    inputs = {name for row in ROWS for name in row.lookups()}

    assert {variable(output.name) for output in outputs.OUTPUTS} & inputs == set()


def test_output__gitlab_shows_a_link_to_the_run_without_any_token(gitlab: Place) -> None:
    gitlab.ci.output({"run-id": "7", "run-url": "https://x.example/7"})

    link = {"external_link": {"label": "dbt Cloud run 7", "url": "https://x.example/7"}}
    assert json.loads(Path("dbt-links.json").read_text(encoding="utf-8")) == {"dbt Cloud": [link]}


def test_output__azure_sets_output_variables_when_they_change(azure: Place) -> None:
    azure.ci.output({"run-id": "7", "status": "started", "run_id": "7"})
    azure.ci.output({"run-id": "7", "status": "100%"})

    set_variables = [(one.properties["variable"], one.properties["isoutput"], one.message) for one in vso(azure.log)]
    assert set_variables == [("run_id", "true", "7"), ("status", "true", "started"), ("status", "true", "100%")]


def test_output__bitbucket_appends_to_the_file_of_the_step(tmp_path: Path) -> None:
    path = tmp_path / "variables"
    path.write_text("OTHER=1\n")
    declared = {"DBT_OUTPUT_VARIABLES": "DBT_RUN_ID, DBT_RUN_STATUS"}
    here = ci.detect({**env.BITBUCKET, **declared, "BITBUCKET_PIPELINES_VARIABLES_PATH": str(path)}, io.StringIO())
    here.output({"run-id": "7", "run_id": "7", "git-sha": "not declared"})
    here.output({"status": "success"})

    assert path.read_text() == "OTHER=1\nDBT_RUN_ID=7\nDBT_RUN_STATUS=success\n"


def test_output__bitbucket_has_none_that_the_step_does_not_declare(tmp_path: Path) -> None:
    """A variable that is not declared fails the step."""
    path = tmp_path / "variables"
    ci.detect({**env.BITBUCKET, "BITBUCKET_PIPELINES_VARIABLES_PATH": str(path)}, io.StringIO()).output({"run-id": "7"})

    assert not path.exists()


def test_output__goes_to_a_file_of_the_users_choice_everywhere(place: Place, tmp_path: Path) -> None:
    place.ci.environ = {**place.ci.environ, "DBT_OUTPUT_FILE": str(tmp_path / "deep" / "my.env")}
    place.ci.output({"run-id": "7"})

    assert dotenv((tmp_path / "deep" / "my.env").read_text()) == {"DBT_RUN_ID": "7"}


def test_output__a_terminal_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Place("none", tmp_path)
    terminal.ci.output({"run-id": "7"})
    terminal.ci.summary("# Page")

    assert list(tmp_path.iterdir()) == []


# Summaries.


def test_summary__azure_uploads_a_page(azure: Place) -> None:
    azure.ci.summary("# Page ✅\n")

    (command,) = vso(azure.log)
    assert command.name == "task.uploadsummary"
    assert Path(command.message).is_absolute()
    assert Path(command.message).read_text(encoding="utf-8") == "# Page ✅\n"


@pytest.mark.parametrize("key", ["gitlab", "bitbucket"])
def test_summary__gitlab_and_bitbucket_have_a_file(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Place(key, tmp_path).ci.summary("# Page\n")

    assert Path("dbt-summary.md").read_text(encoding="utf-8") == "# Page\n"


def test_summary__a_folder_that_cannot_be_written_is_one_warning(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place.ci.environ = {**place.ci.environ, "DBT_SUMMARY_FILE": str(tmp_path / "file" / "page.md")}
    place.ci.summary("# Page\n")
    place.ci.summary("# Page\n")

    assert place.log.count("cannot be written") == 1


# Secrets and foreign text.


def test_secrets__azure_masks_them_before_anything_else(azure: Place) -> None:
    azure.ci.mask(("s3cret%", "other"))

    assert vso(azure.log) == [Vso("task.setsecret", "s3cret%"), Vso("task.setsecret", "other")]


def test_secrets__are_in_no_log_and_no_file(place: Place, tmp_path: Path) -> None:
    place.ci.mask(("s3cret",))
    begin = len(place.log)
    place.ci.environ = {**place.ci.environ, "DBT_OUTPUT_FILE": str(tmp_path / "out")}
    place.ci.info("s3cret")
    place.ci.error("s3cret", title="s3cret", file="s3cret")
    place.ci.foreign("s3cret", "s3\x1b[31mcret")
    place.ci.output({"status": "s3cret"})
    place.ci.summary("s3cret")

    left = place.log[begin:] + "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in left


def test_foreign_text__gives_no_orders_to_any_ci(place: Place) -> None:
    place.ci.info(HOSTILE)
    place.ci.foreign(HOSTILE, HOSTILE)
    place.ci.error(HOSTILE, title=HOSTILE, file=HOSTILE)

    own = {"task.logissue"} if place.ci.key == "azure" else set()
    assert {command.name for command in vso(place.log)} == own
    assert formats(place.log) == (["group", "endgroup"] if place.ci.key == "azure" else [])
    expected = [("start", "dbt_cloud_run_1"), ("end", "dbt_cloud_run_1")] if place.ci.key == "gitlab" else []
    assert sections(place.log) == expected


def test_foreign_text__sets_no_variable_of_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for key in ("gitlab", "azure", "bitbucket"):
        Place(key, tmp_path).ci.output({"job-name": "x\nPATH=/evil\r\n##vso[task.setvariable variable=PATH]/evil"})

    assert set(dotenv(Path("dbt.env").read_text())) == {"DBT_RUN_JOB_NAME"}
