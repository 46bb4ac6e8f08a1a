"""The exception for errors that the user can correct."""


class KnuckleError(Exception):
    """A problem with the user's input. Its message is one sentence: the input, what was expected, and what was given.

    The command line prints the message without a traceback and exits with code 2.
    """
