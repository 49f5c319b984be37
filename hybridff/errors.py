"""Errors meant for the user: one clear sentence, what is wrong, where, and what to do next.

The command line prints the message of a ``HybridFFError`` and exits with code 2; anything else is a bug.
"""


class HybridFFError(Exception):
    """Base of every error that a user can cause and mend."""


class InputError(HybridFFError):
    """A molecule, data file, option or model file that cannot be used."""


class MissingParameterError(HybridFFError):
    """The force field has no parameters for a group of atoms."""


class MissingProgramError(HybridFFError):
    """A program or package that is not installed."""


class DynamicsError(HybridFFError):
    """Dynamics that blew up."""


class FitError(HybridFFError):
    """A fit that cannot be done with these data."""
