"""What is imported before the first request: the user waits for it, so only what the trigger needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Each takes time, and is needed by some runs only, or after the trigger.
NOT_YET = {
    "argparse",
    "dbt_action.lifecycle.after_start",
    "dbt_action.lifecycle.artifact_files",
    "dbt_action.lifecycle.build_report",
    "dbt_action.lifecycle.cleanup",
    "dbt_action.lifecycle.collect",
    "dbt_action.lifecycle.host_posts",
    "dbt_action.lifecycle.poll",
    "dbt_action.lifecycle.publish",
    "dbt_action.lifecycle.watch",
    "dbt_action.report.comment",
    "dbt_action.report.headline",
    "dbt_action.report.junit",
    "dbt_action.report.node_annotations",
    "dbt_action.report.summary",
    "dbt_action.report.timeline",
    "github",
    "ijson",
    "secrets",
    "statistics",
    "subprocess",
    "xml",
    "yaml",
}
# Sends its first request to an address where nobody listens, and prints what was imported by then.
PROGRAM = """
import json, os, sys
from dbt_action import app
from dbt_action.dbt_cloud.session import ApiSession

def first_request(*_arguments, **_more):
    print(json.dumps(sorted(sys.modules)))
    sys.stdout.flush()
    os._exit(0)

ApiSession._send = first_request
app.main()
"""


def test_modules__that_the_trigger_does_not_need_are_not_imported_before_it() -> None:
    environ = {
        "DBT_URL": "http://127.0.0.1:9",
        "DBT_TOKEN": "made-up",
        "DBT_ACCOUNT_ID": "1",
        "DBT_JOB_ID": "2",
        "DBT_GIT_SHA": "a" * 40,
        "DBT_CODE_HOST": "github",
        "DBT_REPOSITORY": "acme/shop",
        "GITHUB_TOKEN": "made-up",
    }
    done = subprocess.run(
        [sys.executable, "-Esu", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(json.loads(done.stdout.splitlines()[-1]))

    assert "requests" in imported
    assert set() == NOT_YET & imported
