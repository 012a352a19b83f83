"""What can go wrong, by whose fault; the command line turns these into a message and a status."""


class LstmEdgeError(Exception):
    """Base of all errors that a user may see: one line, what was found, expected, and to do."""

    exit_status = 1


class ModelError(LstmEdgeError):
    """The model file holds something that cannot be compiled; names the node or array."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(told(f"{node}: {message}"))
        self.node = node
        self.reason = message


class DataError(LstmEdgeError):
    """Arrays given as calibration data or inputs do not fit the model."""


class QuantizationError(LstmEdgeError):
    """No integer format fits the values of a layer."""


class TargetError(LstmEdgeError):
    """An unknown target, or one that cannot do what was asked."""


class ToolchainError(LstmEdgeError):
    """A compiler or emulator is missing or failed; carries the command and its output."""


class BudgetError(LstmEdgeError):
    """The program does not fit the flash or RAM that it may use."""

    exit_status = 3


class FlashError(BudgetError):
    """The program does not fit the flash; weights and tables of `constants` bytes would."""

    def __init__(self, message: str, constants: int) -> None:
        super().__init__(message)
        self.constants = constants


class BoundError(BudgetError):
    """No program that was tried has as small an error as was asked for."""


class VerificationError(LstmEdgeError):
    """The numbers of two executions differ."""

    exit_status = 3


class InternalError(LstmEdgeError):
    """A fault of lstm-edge itself: please report it."""


LONGEST = 4000
"""Characters of a message: a file may have a name of a million."""


def printable(text: str) -> str:
    """In one line that a terminal shows as it is: names of files may hold anything."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def told(text: str) -> str:
    """The same of a message, without the middle of a very long one."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return printable(text)


def first_line(error: Exception) -> str:
    """The first line with text of an exception of another library."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)[:200]
