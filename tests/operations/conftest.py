"""The rows that the cases of operations need."""

import pytest

from keyadmin.models import Organisation
from tests.operations import cases


@pytest.fixture
def world(northwind: Organisation) -> cases.World:
    return cases.world(northwind)
