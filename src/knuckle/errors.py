"""The exception for errors that the user can correct, and the advice that some of them give."""


class KnuckleError(Exception):
    """A problem with the user's input. Its message is one sentence: the input, what was expected, and what was given.

    The command line prints the message without a traceback and exits with code 2.
    """


def install_command(extra: str) -> str:
    """What a user types to get an extra of the package: right wherever knuckle is installed, from a clone too, of which
    pip then only adds what is missing."""
    return f'pip install "knuckle[{extra}]"'
