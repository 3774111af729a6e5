"""The command `python -m emulator`: serves the dbt project of a git repository until a signal stops it."""

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
from emulator.datafold import Datafold
from emulator.dbt_runner import DbtRunner
from emulator.hosts.github import GitHub

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_A_REPOSITORY = """{0} is not the top folder of a git repository, which every run clones. Make it one:
    git -C {0} init -b main && git -C {0} add . && git -C {0} commit -m "The project"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; 0 when stopped, 2 when it cannot start."""
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
        datafold = None
        if options.datafold_port is not None:
            datafold = stack.enter_context(Datafold(host=options.host, port=options.datafold_port))
        _print_settings(cloud, github, datafold)
        if options.ready_file is not None:
            _write_ready_file(options.ready_file, cloud, github, datafold)
        stopped.wait()
    sys.stdout.write("Stopped.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="A dbt Cloud on this machine.")
    add = parser.add_argument
    add("--project", type=Path, required=True, metavar="DIR", help="git repository of the dbt project")
    add("--subdirectory", default="", metavar="DIR", help="folder of the project in the repository")
    add("--port", type=int, default=0, help="port to serve on; 0 picks a free one (default)")
    add("--host", default="127.0.0.1", help="address to listen on; by default only this machine can connect")
    add("--token", default="emulator-token", help="the token that is accepted")
    add("--queue-seconds", type=float, default=0.0, metavar="S", help="seconds that each run stays queued")
    add("--github-port", type=int, metavar="N", help="serve a GitHub for commit statuses too; 0 picks a free port")
    add("--datafold-port", type=int, metavar="N", help="serve a Datafold for uploads too; 0 picks a free port")
    add("--ready-file", type=Path, metavar="PATH", help="write URL, token and ids to this file as JSON")
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


def _print_settings(cloud: Emulator, github: GitHub | None, datafold: Datafold | None) -> None:
    lines = [
        f"dbt Cloud emulator: {cloud.url}",
        f"token:              {cloud.token}",
        f"account id:         {cloud.account_id}",
        *(f"job id:             {job.id}  {job.name}" for job in cloud.jobs),
        *([f"GitHub API:         {github.url}  (token {github.token})"] if github else []),
        *([f"Datafold:           {datafold.url}  (CI configs {sorted(datafold.config_ids)})"] if datafold else []),
        "",
        f"export DBT_CLOUD_HOST={cloud.url}",
        f"export DBT_CLOUD_API_KEY={cloud.token}",
        f"export DBT_CLOUD_ACCOUNT_ID={cloud.account_id}",
        f"export DBT_CLOUD_JOB_ID={cloud.job_id}",
        *([f"export GITHUB_API_URL={github.url}"] if github else []),
        *([f"export DATAFOLD_HOST={datafold.url}"] if datafold else []),
        *([f"export DATAFOLD_API_KEY={datafold.api_key}"] if datafold else []),
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    # A parent process may read these lines from a pipe, where they would stay in the buffer.
    sys.stdout.flush()


def _write_ready_file(path: Path, cloud: Emulator, github: GitHub | None, datafold: Datafold | None) -> None:
    content = {
        "url": cloud.url,
        "token": cloud.token,
        "account_id": cloud.account_id,
        "project_id": cloud.project_id,
        "jobs": {job.name: job.id for job in cloud.jobs},
        "github_url": github.url if github else None,
        "github_token": github.token if github else None,
        "datafold_url": datafold.url if datafold else None,
        "datafold_api_key": datafold.api_key if datafold else None,
    }
    # A process that waits for the file must not read half of it.
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=2), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
