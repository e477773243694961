"""The home folder: everything tabwatt keeps, private to the user."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tabwatt.errors import UsageError


def home_folder(env: Mapping[str, str]) -> Path:
    """`TABWATT_HOME`, else the platform's data folder; not created here."""
    named = env.get("TABWATT_HOME")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("tabwatt", appauthor=False)


def prepare(home: Path) -> None:
    """Make the folder, readable by its owner alone; raises `UsageError` if that cannot be."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            home.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"{home}: cannot be used as home ({error.strerror}); set TABWATT_HOME"
        ) from None


def hash_key(home: Path) -> bytes:
    """The key of this installation's pseudonyms, made on first use, 0600."""
    path = home / "hash.key"
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if len(key) != 32:
        raise UsageError(f"{path}: not a key of 32 bytes; move it away to get a new one")
    return key


def _make_key(path: Path) -> None:
    """Written whole beside its place and then linked into it: the first one stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
