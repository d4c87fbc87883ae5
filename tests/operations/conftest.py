"""The small world that acts are done on."""

import pytest

from keyadmin.models import Organisation
from tests.operations import acts


@pytest.fixture
def world(northwind: Organisation) -> acts.World:
    return acts.world(northwind)
