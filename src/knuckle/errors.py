"""The exception for errors that the user can correct, and the advice that some of them give."""

_MOST_LETTERS = 3600


class KnuckleError(Exception):
    """A problem with the user's input. Its message is one sentence: the input, what was expected, and what was given.

    The command line prints the message without a traceback and exits with code 2. Of a very long one, as where a file
    has a hundred thousand letters in the place of a number, the middle is left out.
    """

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= _MOST_LETTERS else f"{text[:3000]} [...] {text[-500:]}"


def install_command(extra: str) -> str:
    """What a user types to get an extra of the package: right wherever knuckle is installed, from a clone too, of which
    pip then only adds what is missing."""
    return f'pip install "knuckle[{extra}]"'
