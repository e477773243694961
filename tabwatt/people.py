"""The developer who sits at this machine: git's `user.email`, else the system's user."""

import getpass
import shutil
import subprocess


def developer_here() -> str:
    """A name for requests that carry none."""
    return git_email() or system_user()


def git_email() -> str | None:
    """`git config user.email`, from anywhere."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        found = subprocess.run(
            [git, "config", "--get", "user.email"], capture_output=True, text=True, timeout=2
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def system_user() -> str:
    """The login name; `unknown` where there is none (a container without passwd entry)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
