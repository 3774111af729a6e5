"""From an empty repository to a run: init, doctor, a dry run, and the workflow that was written, by act."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emulator import Datafold, Emulator, GitHub
from tests.e2e.runner import REPOSITORY, Checkout
from tests.e2e.test_recipes import Recipes
from tests.support import git
from tests.support.scripts import GREEN

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def uvx(tmp_path: Path) -> list[str]:
    """The command of our wheel, as somebody runs it who has not installed it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    (uv,) = re.findall(r"^UV := (uv==\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    tools = tmp_path / "tools"
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    subprocess.run([str(tools / "bin" / "python"), "-m", "pip", "install", "--quiet", uv], check=True, timeout=300)
    return [str(tools / "bin" / "uvx"), "--python", sys.executable, "--from", str(wheel), "dbt-cloud-run"]


def test_empty_repository__to_a_run_in_four_commands(
    uvx: list[str], tmp_path: Path, base: str, checkout: Checkout, github: GitHub
) -> None:
    folder = tmp_path / "shop"
    git.init(folder)
    (folder / "dbt_project.yml").touch()
    git.commit(folder)
    git.push(folder, f"git@github.com:{REPOSITORY}.git")
    with Emulator(GREEN) as cloud, Datafold() as datafold:
        cloud.project.repository, cloud.project.git_clone_strategy = REPOSITORY, "github_app"
        page = f"{cloud.url}/deploy/{cloud.account_id}/projects/{cloud.project_id}/jobs/{cloud.job_id}"
        kept = ("PATH", "HOME", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "SSL_CERT_FILE", "UV_CACHE_DIR")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        environ |= {"UV_DEFAULT_INDEX": environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in environ else {}
        environ |= {"DBT_TOKEN": cloud.token, "GITHUB_TOKEN": github.token, "GITHUB_API_URL": github.url}

        def call(*arguments: str) -> str:
            done = subprocess.run(
                [*uvx, *arguments],
                cwd=folder,
                env=environ,
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        assert "Wrote .github/workflows/dbt-cloud-deploy.yml" in call("init", page)
        examined = call("doctor", page)
        assert "✓ The job's project is that of this repository, acme/shop" in examined
        assert "✗" not in examined
        assert git.head(folder) in call("run", "--dry-run", "--job-url", page)
        assert () == cloud.runs

        written = (folder / ".github/workflows/dbt-cloud-deploy.yml").read_text(encoding="utf-8")
        finished = Recipes(checkout, base, github, datafold).run_text(written, "push", cloud)

        assert finished.succeeded, finished.log
        assert 1 == len(cloud.runs)
        assert "success" == github.statuses[-1].state
