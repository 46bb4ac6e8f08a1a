"""The one exception a user is meant to read."""


class KnuckleError(Exception):
    """A problem with what the user gave: one sentence naming the input, what was expected and what came.

    The command line prints it without a traceback and exits with code 2.
    """
