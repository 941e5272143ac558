from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import producers
from producers.profile_files import load_profile, profile_names
from schemas.errors import UsageError
from tests.unit.producers.shows import PROFILES

FILES = Path(producers.__file__).parent / "profiles"


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (FILES / "boutique.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_packaged_profiles_are_listed_by_name() -> None:
    assert set(profile_names()) == {*PROFILES, "chaos"}


@pytest.mark.parametrize("name", PROFILES)
def test_every_packaged_profile_is_sound_and_noisy(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.noise.duplicates > 0
    assert profile.noise.disorder_ms > 0
    assert profile.noise.late > 0
    assert profile.noise.unreadable > 0


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("botique", "boutique"), ("flashdrop", "flash-drop"), ("XINBA", "xinba-12h")],
)
def test_a_typo_in_a_profile_s_name_is_answered_with_the_name_that_was_meant(
    typo: str, meant: str
) -> None:
    with pytest.raises(UsageError, match=typo) as caught:
        load_profile(typo)
    assert f"Did you mean {meant}?" in caught.value.hint
    assert all(name in caught.value.hint for name in PROFILES)


def test_a_name_like_no_profile_is_answered_with_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        load_profile("zzzz")
    assert "Did you mean" not in caught.value.hint
    assert "boutique" in caught.value.hint


def test_overrides_replace_the_noise_and_none_leaves_it() -> None:
    profile = load_profile("boutique", duplicates=0.5, late=None)
    assert profile.noise.duplicates == 0.5
    assert profile.noise.late == load_profile("boutique").noise.late


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ({"duplicates": 1.5}, "noise.duplicates"),
        ({"late": -0.1}, "noise.late"),
        ({"unreadable": "lots"}, "noise.unreadable"),
        ({"disorder_ms": float("nan")}, "noise.disorder_ms"),
        ({"dupes": 0.1}, "noise.dupes"),
        ({"duplicate_delay_ms": (0, 30_001)}, "must not exceed 30000"),
        ({"late_ms": (5, 4)}, "the lower end 5 is above the upper end 4"),
    ],
)
def test_an_override_that_cannot_be_is_refused_by_name(override: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        load_profile("boutique", **override)


def test_a_file_of_one_s_own_can_be_used(tmp_path: Path) -> None:
    path = edited(tmp_path, 'name = "boutique"', 'name = "mine"')
    assert load_profile(path).name == "mine"
    assert load_profile(str(path), late=0.25).noise.late == 0.25


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("views_per_s = 9.0", "views_per_s = -1", "arrivals.views_per_s.*greater than 0"),
        ("views_per_s = 9.0", "views_per_second = 9", "arrivals.views_per_s"),
        ('currency = "EUR"', 'currency = "ZZZ"', "'ZZZ' is not an ISO 4217 currency"),
        ('currency = "EUR"', 'currency = "EUR', "not valid TOML"),
        ("starts_at = 2026-06-17T17:00:00Z", "starts_at = 2026-06-17T17:00:00", "UTC offset"),
        ("starts_at = 2026-06-17T17:00:00Z", "starts_at = 1999-01-01T00:00:00Z", "2020-01-01"),
        ('room_id = "printemps-homme"', 'room_id = "printemps-haussmann"', "room_id of its own"),
        ("starts_after_s = 300", "starts_after_s = 3600", "after the end of the show"),
        ("drop_factor = [10, 14]", "drop_factor = [14, 10]", "programme.drop_factor"),
        ("coupon = 10", "cupon = 10", "promo_discount_percent"),
        ("products_per_room = 30", "products_per_room = 300", "must not exceed products"),
        ("feed = 0.25", "tv = 0.25", "viewing.sources"),
        ("orders_per_cart = 0.45", "orders_per_cart = 0.95", "must not exceed 1 together"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_field(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(UsageError, match=words) as caught:
        load_profile(path)
    assert "mine.toml" in caught.value.sentence


@pytest.mark.parametrize("name", ["gone.toml", ".toml"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile(tmp_path / name)


def test_a_directory_or_a_binary_file_is_no_profile(tmp_path: Path) -> None:
    directory, binary = tmp_path / "directory.toml", tmp_path / "binary.toml"
    directory.mkdir()
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (directory, binary):
        with pytest.raises(UsageError, match=path.name):
            load_profile(path)
