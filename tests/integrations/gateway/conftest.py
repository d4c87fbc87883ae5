"""Fixtures: one verify server, one upstream and both gateways for all tests of a process."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.gateway import servers
from tests.integrations.gateway.servers import Gateway, Verify
from tests.live.servers import Server


@pytest.fixture(scope="session")
def verify(database_url: str, tmp_path_factory: Any) -> Iterator[Verify]:
    """A verify server that trusts 127.0.0.1 as its gateway."""
    with servers.verify(tmp_path_factory.mktemp("verify"), database_url) as running:
        yield running


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: Any) -> Iterator[Server]:
    with servers.upstream(tmp_path_factory.mktemp("upstream")) as running:
        yield running


@pytest.fixture(scope="session")
def gateways(verify: Verify, upstream: Server, tmp_path_factory: Any) -> Iterator[dict[str, Gateway]]:
    folder: Path = tmp_path_factory.mktemp("gateways")
    with ExitStack() as stack:
        running = [stack.enter_context(start(folder, verify, upstream)) for start in (servers.nginx, servers.caddy)]
        yield {one.name: one for one in running}


@pytest.fixture(params=["nginx", "caddy"])
def gateway(request: pytest.FixtureRequest, gateways: dict[str, Gateway]) -> Gateway:
    return gateways[request.param]
