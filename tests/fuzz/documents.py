"""schemathesis: requests that it derives from the OpenAPI document, sent to the real server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.api.documented import DOCUMENT, for_scheme
from tests.fuzz.results import NOT_AUTHENTICATED, Results
from tests.fuzz.world import World

PART: Final = "schemathesis"
ROLES: Final = ("system administrator", "owner", "bot key")
#: An access token is valid for ten minutes.
MAX_SECONDS: Final = 500
_CONFIG: Final = Path(__file__).parents[1] / "api" / "schemathesis.toml"


def run_schemathesis(
    world: World, port: int, results: Results, folder: Path, *, count: int, roles: tuple[str, ...]
) -> None:
    """Run it for `count` seconds as each of ROLES that is in `roles`."""
    for role in ROLES:
        if role in roles:
            _run_as(world, role, port, results, folder, min(MAX_SECONDS, max(10, count)))


def _run_as(world: World, role: str, port: int, results: Results, folder: Path, seconds: int) -> None:
    world.renew(role)
    headers = world.caller(role).headers
    scheme = "key" if "X-API-Key" in headers else "bearer"
    (folder / "openapi.json").write_text(json.dumps(for_scheme(DOCUMENT, scheme)))
    (folder / "schemathesis.toml").write_text(_CONFIG.read_text())
    archive = folder / f"{role.replace(' ', '-')}.har"
    arguments = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        "openapi.json",
        "--checks=not_a_server_error",
        "--continue-on-failure",
        f"--seed={sum(results.seed.encode())}",
        f"--url=http://localhost:{port}/",
        f"--max-time={seconds}",
        f"--report-har-path={archive}",
        "--report=har",
        *(f"--header={name}: {value}" for name, value in headers.items()),
    ]
    run = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=10 * seconds + 300, check=False)
    if run.returncode not in (0, 1) or not archive.exists():
        results.fail(
            part=PART, operation="run", role=role, status=run.returncode, error=run.stdout[-3000:] + run.stderr[-3000:]
        )
        return
    for entry in json.loads(archive.read_text())["log"]["entries"]:
        _count(results, role, entry["request"], entry["response"])


def _count(results: Results, role: str, request: dict[str, object], response: dict[str, object]) -> None:
    status = int(str(response.get("status") or 0))
    method, path = str(request["method"]), urlsplit(str(request["url"])).path
    operation = _fitting(method, path)
    is_past = status not in NOT_AUTHENTICATED and status != 0
    results.count(PART, operation, role, status, is_valid=True, is_past=is_past)
    if status >= 500 or status == 0:
        results.fail(part=PART, operation=operation, role=role, status=status, request=str(request)[:3000])


def _fitting(method: str, path: str) -> str:
    """The documented path that the path fits; methods that it does not have count there too."""
    steps = path.strip("/").split("/")
    for documented in DOCUMENT["paths"]:
        shape = documented.strip("/").split("/")
        if len(shape) == len(steps) and all(a == b or a.startswith("{") for a, b in zip(shape, steps, strict=True)):
            return f"{method} {documented}"
    return f"{method} other"
