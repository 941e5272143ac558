"""Finds, reads and checks profile files: the packaged ones, or a user's own ``.toml``."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from producers.profile import Profile
from schemas.errors import UsageError

_PACKAGED: Final = Path(__file__).parent / "profiles"


def profile_names() -> list[str]:
    """The names of the packaged profiles, sorted."""
    return sorted(path.stem for path in _PACKAGED.glob("*.toml"))


def load_profile(name: str | Path, **noise: Any) -> Profile:
    """Read a profile by its name, or by a path that ends in ``.toml``.

    Args:
        name: a packaged profile's name, or a path.
        noise: fields of :class:`producers.profile.Noise` that replace the file's; ``None``
            leaves the file's value.

    Raises:
        UsageError: there is no such profile, or the file or a value cannot be used.
    """
    path = _path_of(str(name))
    content = _parse(path)
    overrides = {field: value for field, value in noise.items() if value is not None}
    profile = _check(content, str(path) if path.parent != _PACKAGED else path.name)
    if not overrides:
        return profile
    return _check({**content, "noise": {**content["noise"], **overrides}}, "the options given")


def _path_of(name: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    names = profile_names()
    if name in names:
        return _PACKAGED / f"{name}.toml"
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.4)
    question = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"There is no profile {name!r}.",
        f"{question}There are: {', '.join(names)}; or give the path of a .toml file.",
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The profile {path} cannot be read: {error.strerror or error}.",
            f"Packaged profiles are: {', '.join(profile_names())}.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The profile {path} is not valid TOML: {error}.",
            f"Compare it with {_PACKAGED / 'boutique.toml'}.",
        ) from error


def _check(content: dict[str, Any], origin: str) -> Profile:
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the profile"
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"In {origin}, {field} cannot be used: {reason[:1].lower()}{reason[1:]}.",
            f"The fields are explained in {_PACKAGED / 'boutique.toml'}.",
        ) from error
