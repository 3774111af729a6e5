"""The artifacts of a very large run, and a server that sends them at a fixed speed; `report` measures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NODES = 5_000
MANIFEST_BYTES = 300 * 1000 * 1000
BYTES_PER_SECOND = 50 * 1000 * 1000
RUN, JOB, ACCOUNT, STEP = 40, 3, 1, 4
FILES = ("run_results.json", "manifest.json")
# Runs before this one, all red, so that the results of each are fetched.
_EARLIER_RUNS = 5
_PIECE = 64 * 1024
_BLOCKED = 0.005
_FAILED = 50
_EXPOSURES = 200
_TESTS_FOR_EACH_MODEL = 3
_TEXT = "The amount in cents, as booked by the shop; refunds are rows of their own. "


def make(folder: Path) -> None:
    """Write `run_results.json` and a `manifest.json` of 300 MB, shaped like dbt's own."""
    (folder / "run_results.json").write_text(json.dumps({"metadata": {}, "results": list(_results())}), "utf-8")
    # The columns and the code of each model are as long as the wanted size of the file requires.
    with (folder / "manifest.json").open("w", encoding="utf-8") as file:
        file.write('{"metadata": {"project_name": "shop", "dbt_version": "1.11.2"}, "nodes": {')
        columns = {f"column_{n}": _column(n) for n in range(120)}
        per_model = MANIFEST_BYTES * (_TESTS_FOR_EACH_MODEL + 1) // NODES
        code = _code((per_model - 8_000 - len(json.dumps(columns))) * 3 // 4)
        for number, uid in enumerate(_unique_ids()):
            file.write(f'{"," if number else ""}\n"{uid}": {json.dumps(_node(number, uid, columns, code))}')
        file.write('}, "sources": {}, "macros": {}, "unit_tests": {}, "parent_map": {}, "child_map": {}, ')
        exposures = {f"exposure.shop.e{number}": _exposure(number) for number in range(_EXPOSURES)}
        file.write(f'"groups": {{}}, "exposures": {json.dumps(exposures)}}}')


def _unique_ids() -> Iterator[str]:
    for number in range(NODES):
        model = number // (_TESTS_FOR_EACH_MODEL + 1)
        is_test = number % (_TESTS_FOR_EACH_MODEL + 1)
        yield f"test.shop.not_null_m{model}_c{is_test}.{number:010x}" if is_test else f"model.shop.m{model}"


def _results() -> Iterator[dict[str, Any]]:
    for number, uid in enumerate(_unique_ids()):
        begin = number // 8
        moments = [f"2026-03-02T06:{second // 60 % 60:02}:{second % 60:02}.000000Z" for second in (begin, begin + 1)]
        span = {"started_at": moments[0], "completed_at": moments[1]}
        failed = number % (NODES // _FAILED) == 1
        yield {
            "status": "fail" if failed else "success",
            "timing": [{"name": "compile", **span}, {"name": "execute", **span}],
            "thread_id": f"Thread-{number % 8 + 1} (worker)",
            "execution_time": 1.0,
            "adapter_response": {"_message": "SELECT", "rows_affected": 12345, "query_id": f"01b2{number:012}"},
            "message": "Got 3 results, configured to fail if != 0" if failed else "SELECT 1",
            "failures": 3 if failed else None,
            "unique_id": uid,
            "compiled": True,
            "compiled_code": _code(2_000),
            "relation_name": f'"warehouse"."analytics"."n{number}"',
            "batch_results": None,
        }


def _node(number: int, uid: str, columns: dict[str, Any], code: str) -> dict[str, Any]:
    model = f"model.shop.m{number // (_TESTS_FOR_EACH_MODEL + 1)}"
    is_model = uid == model
    return {
        "database": "warehouse",
        "schema": "analytics",
        "name": uid.split(".")[2],
        "resource_type": "model" if is_model else "test",
        "package_name": "shop",
        "path": f"marts/{uid}.sql",
        "original_file_path": f"models/marts/{uid.split('.')[2]}.sql",
        "unique_id": uid,
        "fqn": ["shop", "marts", uid],
        "checksum": {"name": "sha256", "checksum": "0" * 64},
        "config": {"enabled": True, "tags": ["daily"], "meta": {}, "materialized": "table", "pre-hook": []},
        "tags": ["daily"],
        "description": _TEXT,
        "columns": columns if is_model else {},
        "depends_on": {"macros": ["macro.dbt.x"], "nodes": _parents(number) if is_model else [model]},
        "refs": [{"name": "x", "package": None, "version": None}],
        "raw_code": code[: len(code) // 3] if is_model else "",
        "compiled_code": code if is_model else _code(1_000),
        "language": "sql",
    }


def _parents(number: int) -> list[str]:
    """The two models before it, so that there is a graph of all of them."""
    model = number // (_TESTS_FOR_EACH_MODEL + 1)
    return [f"model.shop.m{parent}" for parent in (model - 1, model - 2) if parent >= 0]


def _exposure(number: int) -> dict[str, Any]:
    return {
        "name": f"e{number}",
        "type": "dashboard",
        "url": f"https://bi.example/{number}",
        "owner": {"name": "Finance"},
        "depends_on": {"macros": [], "nodes": [f"model.shop.m{number}"]},
    }


def _column(number: int) -> dict[str, Any]:
    return {
        "name": f"column_{number}",
        "description": _TEXT,
        "meta": {},
        "data_type": "numeric(38, 2)",
        "constraints": [],
        "quote": None,
        "config": {"meta": {}, "tags": []},
        "tags": [],
        "granularity": None,
    }


def _code(length: int) -> str:
    line = "    coalesce(sum(payments.amount) filter (where method = 'card'), 0) as \"amount\",\n"
    return line * (length // len(line) + 1)


# The server: the paths of dbt Cloud's API that the action requests, and GitHub's commit status.


def serve(folder: Path) -> None:
    """Serve until killed; the first line on stdout is the port."""
    _Handler.folder = folder
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    # When the first artifact of the latest run was requested, by the monotonic clock, which all processes share.
    asked_at: float | None = None

    def do_GET(self) -> None:
        """The job, the run, the list of runs, artifacts."""
        path = self.path.partition("?")[0]
        name = path.rstrip("/").rpartition("/")[2]
        if path == "/asked-at":
            self._answer({"asked_at": _Handler.asked_at})
            _Handler.asked_at = None
        elif name in FILES:
            _Handler.asked_at = _Handler.asked_at or time.monotonic()
            self._send(self.folder / name)
        elif name == "artifacts":
            self._answer({"data": list(FILES)})
        elif name == "runs":
            self._answer({"data": [self._earlier(number) for number in range(1, _EARLIER_RUNS + 1)]})
        else:
            self._answer({"data": {"id": JOB, "name": "Bench"} if "/jobs/" in path else self._run()})

    def do_POST(self) -> None:
        """The trigger of a run, and commit statuses."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(body if "/statuses/" in self.path else {"data": {**self._run(), "status": 1, "run_steps": []}})

    def _earlier(self, number: int) -> dict[str, Any]:
        """A run before this one, which failed in the same way."""
        return {**self._run(), "id": RUN - number, "run_steps": []}

    def _run(self) -> dict[str, Any]:
        step = {"index": STEP, "name": "Invoke dbt with `dbt build`", "status": 20, "logs": "Done.\n"}
        return {"id": RUN, "status": 20, "is_complete": True, "href": "https://x.example/runs/4/", "run_steps": [step]}

    def _answer(self, body: Any) -> None:  # noqa: ANN401 - JSON
        content = json.dumps(body).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send(self, file: Path) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        begin, sent = time.monotonic(), 0
        with file.open("rb") as source:
            while piece := source.read(_PIECE):
                ready = time.monotonic()
                self.wfile.write(piece)
                sent += len(piece)
                # Time that a slow reader cost is not made up for later, as on a real connection; time in which this
                # process only waited for a processor is.
                waited = time.monotonic() - ready
                begin += waited if waited > _BLOCKED else 0.0
                time.sleep(max(0.0, begin + sent / BYTES_PER_SECOND - time.monotonic()))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - of the base class
        """Log nothing."""


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
