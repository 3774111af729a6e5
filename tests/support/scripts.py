"""Scripts of runs for the emulator: successful, failed, endless; with logs and results like dbt's."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from emulator import Script, ScriptedStep, Status

FAILED_LOG = """\
\x1b[0m10:00:00  Running with dbt=1.11.2
\x1b[0m10:00:01  1 of 2 OK created sql table model main.orders ....... [OK in 0.1s]
\x1b[0m10:00:02  2 of 2 FAIL 3 not_null_orders_id .................... [FAIL 3 in 0.1s]
\x1b[0m10:00:03  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2
"""


def run_results(*results: tuple[str, str, str | None]) -> bytes:
    """A run_results.json of (unique_id, status, message)."""
    listed = [{"unique_id": node, "status": status, "message": message} for node, status, message in results]
    schema = "https://schemas.getdbt.com/dbt/run-results/v6.json"
    document: dict[str, Any] = {"metadata": {"dbt_schema_version": schema}, "results": listed, "elapsed_time": 1.5}
    return json.dumps(document).encode()


PASSED = ("model.shop.orders", "success", "OK")
FAILED = ("test.shop.not_null_orders_id.abc", "fail", "Got 3 results, configured to fail if != 0")

GREEN = Script(
    steps=(
        ScriptedStep(
            command="dbt build",
            logs="Done.\n",
            artifacts={
                "manifest.json": b'{"nodes": {}}',
                "run_results.json": run_results(PASSED),
                "compiled/shop/models/orders.sql": b"select 1",
            },
        ),
    )
)
RED = Script(
    steps=(
        ScriptedStep(
            command="dbt build",
            status=Status.ERROR,
            logs=FAILED_LOG,
            artifacts={"run_results.json": run_results(PASSED, FAILED)},
        ),
    )
)
# For tests in real time: a failed run without a manifest is waited for, since the manifest may be late.
RED_WITH_MANIFEST = Script(
    steps=(replace(RED.steps[0], artifacts={**RED.steps[0].artifacts, "manifest.json": b'{"nodes": {}}'}),)
)
ENDLESS = Script(steps=(ScriptedStep(command="dbt build", seconds=math.inf),))


def lasting(seconds: float, status: int = Status.SUCCESS) -> Script:
    """A run that takes `seconds` on the clock of the emulator."""
    results = {"run_results.json": run_results(PASSED)}
    return Script(steps=(ScriptedStep(command="dbt build", seconds=seconds, status=status, artifacts=results),))
