"""The fake task for tests of tables."""

import pytest

from tests.tables.fake_task import FakeTask


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.delenv("ROOT", raising=False)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    return FakeTask(tmp_path)
