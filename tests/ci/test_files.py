"""The files for outputs, saved state and summary: where they are, what is in them, what happens when writing fails."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dbt_action.ci.files import FilePaths, StepFiles, output_variable
from dbt_action.ci.log import Log

DEFAULTS = FilePaths(state=Path("state"), summary=Path("page.md"))


def files(paths: FilePaths, warnings: list[str] | None = None, secrets: tuple[str, ...] = ()) -> StepFiles:
    log = Log(io.StringIO())
    log.mask(secrets)
    return StepFiles(paths, log, warn=warnings.append if warnings is not None else pytest.fail)


@pytest.mark.parametrize(
    "environ, expected",
    [
        pytest.param({}, DEFAULTS, id="the defaults"),
        pytest.param(
            {"DBT_STATE_FILE": "a", "DBT_OUTPUT_FILE": "b", "DBT_SUMMARY_FILE": "c"},
            FilePaths(state=Path("a"), outputs=Path("b"), summary=Path("c")),
            id="those that the user has chosen",
        ),
        pytest.param(
            {"INPUT_STATE-FILE": "a", "INPUT_OUTPUT_FILE": "b"},
            FilePaths(state=Path("a"), outputs=Path("b"), summary=Path("page.md")),
            id="other spellings of the inputs",
        ),
        pytest.param({"DBT_STATE_FILE": " ", "DBT_OUTPUT_FILE": ""}, DEFAULTS, id="empty values"),
        pytest.param({"DBT_STATE_FILE": "$(StateFile)"}, DEFAULTS, id="a macro that Azure has left in place"),
    ],
)
def test_paths__are_the_defaults_unless_the_user_has_chosen_others(
    environ: dict[str, str], expected: FilePaths
) -> None:
    assert expected == DEFAULTS.chosen_in(environ)


def test_outputs__the_file_has_the_newest_value_of_each(tmp_path: Path) -> None:
    path = tmp_path / "my.env"
    step = files(FilePaths(outputs=path))
    step.add_outputs({"run-id": "7", "status": "started"})
    step.add_outputs({"status": "success", "run_id": "8"})

    assert "DBT_RUN_ID=8\nDBT_RUN_STATUS=success\n" == path.read_text()
    assert {"DBT_RUN_ID": "8", "DBT_RUN_STATUS": "success"} == step.variables


@pytest.mark.parametrize(
    "output, expected",
    [
        ("run-id", "DBT_RUN_ID"),
        ("run_id", "DBT_RUN_ID"),
        ("job-name", "DBT_RUN_JOB_NAME"),
        ("status", "DBT_RUN_STATUS"),
    ],
)
def test_output_variable__begins_with_dbt_run_once(output: str, expected: str) -> None:
    assert expected == output_variable(output)


def test_state__comes_back_from_the_file(tmp_path: Path) -> None:
    step = files(FilePaths(state=tmp_path / "deep" / "state.json"))
    step.save_state("a line")

    assert "a line" == step.load_state()


def test_state__that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to(tmp_path / "short")
    (tmp_path / "short").write_bytes(b"x\xff")
    (tmp_path / "folder").mkdir()

    assert ["x\ufffd", "", "", "", ""] == [
        files(FilePaths(state=tmp_path / name)).load_state() for name in ("short", "long", "link", "folder", "missing")
    ]
    assert "" == files(FilePaths()).load_state()


def test_file__is_replaced_as_a_whole_and_readable_for_others(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    step = files(FilePaths(summary=path), secrets=("s3cret",))
    step.write_summary("a long page\n")
    assert step.write_summary("s3cret é\ud800\n") is True

    assert "*** é?\n".encode() == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
    assert 0o644 == path.stat().st_mode & 0o777


def test_file__that_cannot_be_written_is_one_warning_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    warnings: list[str] = []
    step = files(FilePaths(state=tmp_path / "file" / "a", summary=tmp_path / "file" / "b"), warnings)
    step.save_state("a line")
    step.save_state("a line")
    assert step.write_summary("# Page") is False

    assert 2 == len(warnings)
    assert str(tmp_path / "file" / "a") in warnings[0]
    assert str(tmp_path / "file" / "b") in warnings[1]


def test_file__without_a_path_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    step = files(FilePaths())
    step.add_outputs({"run-id": "7"})
    step.save_state("a line")
    assert step.write_summary("# Page") is False

    assert [] == list(tmp_path.iterdir())
    # The values are known all the same.
    assert {"DBT_RUN_ID": "7"} == step.variables
