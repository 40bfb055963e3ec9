"""Where caches are, and where they cannot be."""

import os
import warnings

import pytest

from pointclip.errors import InputError
from pointclip.utils import caches
from pointclip_cli import doctor


@pytest.fixture
def homeless(monkeypatch):
    """A user id without an entry in the list of users, and no HOME, as in a container's `--user 12345`."""

    def no_home(*_, **__):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("POINTCLIP_CACHE", raising=False)
    monkeypatch.setattr(caches, "user_cache_path", no_home)


def test_a_user_without_a_home_has_no_cache_and_a_note(homeless, capsys):
    assert caches.sentence_cache_folder("auto") is None
    assert "no cache is used; this user has no home folder; set HOME, or POINTCLIP_CACHE" in capsys.readouterr().err
    assert caches.feature_cache() is None
    with pytest.raises(InputError, match="no home folder"):
        caches.user_cache()


def test_doctor_says_how_a_user_without_a_home_gets_a_cache(homeless):
    assert [finding.fix for finding in doctor.caches()] == ["export POINTCLIP_CACHE=/writable/folder"]


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize(("mode", "warned"), [(0o700, 0), (0o775, 0), (0o777, 1)])
def test_a_cache_that_everybody_can_write_to_is_warned_of(tmp_path, mode, warned):
    tmp_path.chmod(mode)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        caches.warn_if_shared(tmp_path)
        caches.warn_if_shared(tmp_path / "not there")
    assert ["chmod o-w" in str(warning.message) for warning in found] == [True] * warned
