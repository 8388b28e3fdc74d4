"""The one error of this package."""


class MachineError(RuntimeError):
    """A machine, an image or the host is not in the state that was asked for; the text says what to do."""
