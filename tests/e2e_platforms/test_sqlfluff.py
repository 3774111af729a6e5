"""The lint step of every example, with the real SQLFluff: it names file and line in the form that the CI reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INSTALL = re.compile(r'"(sqlfluff==[0-9.]+)"')
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the program, in the version that the examples install."""
    versions = {
        version
        for path in (ROOT / "examples").glob("*/*-with-lint.yml")
        for version in INSTALL.findall(path.read_text(encoding="utf-8"))
    }
    (version,) = versions
    folder = tmp_path_factory.mktemp("sqlfluff")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", version]
    subprocess.run(pip, check=True, timeout=300)
    return folder / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A model that SQLFluff does not like: a keyword in capital letters among small ones."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "orders.sql").write_text("select a\nFROM b\n", encoding="utf-8")
    return tmp_path


def lines_of(value: object) -> list[str]:
    """Every text in a pipeline."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [line for item in value.values() for line in lines_of(item)]
    return [line for item in value for line in lines_of(item)] if isinstance(value, list) else []


def lint(platform: str, request: str, tools: Path, project: Path) -> str:
    """Run the commands of the example that lint; what they print."""
    path = ROOT / "examples" / platform / f"on-{request}-with-lint.yml"
    (command,) = [
        line for line in lines_of(yaml.safe_load(path.read_text(encoding="utf-8"))) if "sqlfluff lint" in line
    ]
    without_pip = "\n".join(line for line in command.splitlines() if "pip install" not in line)
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(project), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", without_pip], cwd=project, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert 1 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_github__annotations(tools: Path, project: Path) -> None:
    shown = lint("github", "merge", tools, project)

    assert re.search(r"^::error title=.*file=models/orders\.sql,line=2,", shown, re.MULTILINE)


def test_azure__issues(tools: Path, project: Path) -> None:
    shown = lint("azure", "merge", tools, project)

    issue = r"^##vso\[task\.logissue type=error;sourcepath=models/orders\.sql;linenumber=2;"
    assert re.search(issue, shown, re.MULTILINE)
    assert "::error" not in shown


def test_gitlab__code_quality(tools: Path, project: Path) -> None:
    lint("gitlab", "merge", tools, project)

    report = json.loads((project / "gl-code-quality-report.json").read_text(encoding="utf-8"))
    assert ("models/orders.sql", 2) in [
        (entry["location"]["path"], entry["location"]["positions"]["begin"]["line"]) for entry in report
    ]


def test_bitbucket__plain_lines(tools: Path, project: Path) -> None:
    assert re.search(r"models/orders\.sql.*\n(.*\n)*?L:\s+2 ", lint("bitbucket", "merge", tools, project))
