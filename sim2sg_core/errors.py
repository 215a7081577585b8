"""The one exception that users are meant to see."""

from __future__ import annotations


class Sim2SGError(Exception):
    """A mistake that the user can mend: one line that says what is wrong and what to do.

    The command line prints it without a stack trace and exits with status 2.
    """
