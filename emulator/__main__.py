"""The command `python -m emulator`: serves a git repository's dbt project until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cloud import Emulator
from emulator.dbt_runner import DbtRunner
from emulator.hosts.github import GitHub

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_A_REPOSITORY = """{0} is not the top of a git repository, and every run clones one. Make it one:
    git -C {0} init -b main && git -C {0} add . && git -C {0} commit -m "The project"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; 0 when stopped, 2 when it cannot begin."""
    options = _parser().parse_args(arguments)
    project: Path = options.project.resolve()
    if not _is_top_of_repository(project):
        sys.stderr.write(NOT_A_REPOSITORY.format(project))
        return 2
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        runner = DbtRunner(project, subdirectory=options.subdirectory)
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with ExitStack() as stack:
        cloud = stack.enter_context(
            Emulator(
                runner,
                token=options.token,
                host=options.host,
                port=options.port,
                queue_seconds=options.queue_seconds,
            )
        )
        cloud.add_job("CI build", ["dbt build"], "ci")
        github = None
        if options.github_port is not None:
            github = stack.enter_context(GitHub(host=options.host, port=options.github_port))
        _tell(cloud, github)
        if options.ready_file is not None:
            _write(options.ready_file, cloud, github)
        stopped.wait()
    sys.stdout.write("Stopped.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="A dbt Cloud on this machine.")
    add = parser.add_argument
    add("--project", type=Path, required=True, metavar="DIR", help="git repository with the dbt project")
    add("--subdirectory", default="", metavar="DIR", help="where in the repository the project is")
    add("--port", type=int, default=0, help="port to serve on; 0 picks a free one (default)")
    add("--host", default="127.0.0.1", help="address to bind; the default is reachable from here only")
    add("--token", default="emulator-token", help="the token that is accepted")
    add("--queue-seconds", type=float, default=0.0, metavar="S", help="how long each run stays queued")
    add("--github-port", type=int, metavar="N", help="serve a GitHub for commit statuses, too; 0 as above")
    add("--ready-file", type=Path, metavar="PATH", help="write address, token and ids here as JSON")
    return parser


def _is_top_of_repository(project: Path) -> bool:
    if not project.is_dir():
        return False
    answer = subprocess.run(
        ["git", "-c", "safe.directory=*", "rev-parse", "--show-toplevel"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode == 0 and Path(answer.stdout.strip()).resolve() == project


def _tell(cloud: Emulator, github: GitHub | None) -> None:
    lines = [
        f"dbt Cloud emulator: {cloud.url}",
        f"token:              {cloud.token}",
        f"account id:         {cloud.account_id}",
        *(f"job id:             {job.id}  {job.name}" for job in cloud.jobs),
        *([f"GitHub API:         {github.url}  (token {github.token})"] if github else []),
        "",
        f"export DBT_CLOUD_HOST={cloud.url}",
        f"export DBT_CLOUD_API_KEY={cloud.token}",
        f"export DBT_CLOUD_ACCOUNT_ID={cloud.account_id}",
        f"export DBT_CLOUD_JOB_ID={cloud.job_id}",
        *([f"export GITHUB_API_URL={github.url}"] if github else []),
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    # A parent process reads these lines through a pipe.
    sys.stdout.flush()


def _write(path: Path, cloud: Emulator, github: GitHub | None) -> None:
    content = {
        "url": cloud.url,
        "token": cloud.token,
        "account_id": cloud.account_id,
        "project_id": cloud.project_id,
        "jobs": {job.name: job.id for job in cloud.jobs},
        "github_url": github.url if github else None,
        "github_token": github.token if github else None,
    }
    # Whoever waits for the file must never see half of it.
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=2), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
