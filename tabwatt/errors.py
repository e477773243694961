"""The two ways in which a command ends early, each one clear line on stderr."""


class UsageError(Exception):
    """Wrong usage or bad input: exit code 2."""


class CannotTell(Exception):
    """The question has no answer here: exit code 3."""
