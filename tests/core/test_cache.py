"""Where files made at first use are kept."""

from knuckle.cache import cache_folder


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("KNUCKLE_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg" / "knuckle"
    monkeypatch.setenv("KNUCKLE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
