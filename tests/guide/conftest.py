from collections.abc import Iterator

import pytest
from installation import Installation

from originals import Original


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The original program's data, nothing running yet."""
    installed = Installation(tmp_path_factory.mktemp("legacy"))
    Original(installed.clone).with_two_executions().close()
    yield installed
    installed.stop()
    installed.client.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server that has run something."""
    installed = Installation(tmp_path_factory.mktemp("running")).start()
    installed.ran("echo one")
    yield installed
    installed.stop()
    installed.client.close()


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The same for one test, which may break it."""
    installed = Installation(tmp_path_factory.mktemp("fresh")).start()
    installed.ran("echo one")
    yield installed
    installed.stop()
    installed.client.close()
