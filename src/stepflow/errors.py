"""Every error that StepFlow raises on purpose.

A class's docstring is its title for people; `status` is the one table from error to HTTP status,
`exit_code` the one from error to the exit code of the command line.
"""

from typing import ClassVar


class StepflowError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").splitlines()[0].rstrip(".")


class InvalidRequest(StepflowError):
    """The request is not valid."""

    status = 422
    exit_code = 2


class UnknownField(InvalidRequest):
    """The request says something that is not known."""

    def __init__(self, detail: str, *, field: str, nearest: str | None) -> None:
        super().__init__(detail, field=field)
        self.nearest = nearest


class InvalidSetting(StepflowError):
    """A setting is not valid."""

    exit_code = 2


class NotFound(StepflowError):
    """There is no such thing."""

    status = 404


class NotAuthenticated(StepflowError):
    """A key is needed."""

    status = 401


class Forbidden(StepflowError):
    """This is not allowed."""

    status = 403


class Conflict(StepflowError):
    """The state does not allow this."""

    status = 409


class TooLarge(StepflowError):
    """The body is too large."""

    status = 413


class UnsupportedMediaType(StepflowError):
    """The content type is not accepted."""

    status = 415


class RangeNotSatisfiable(StepflowError):
    """The range lies outside the transcript."""

    status = 416


class Unavailable(StepflowError):
    """The server can't do this right now."""

    status = 503


class NoSpace(Unavailable):
    """There is too little free disk space."""

    status = 507
    exit_code = 3


class StorageUnusable(StepflowError):
    """The storage folder can't be used."""

    exit_code = 3


class StorageOwned(StorageUnusable):
    """Another server owns the storage folder."""

    exit_code = 4


class PortTaken(StepflowError):
    """A port is taken."""


class LegacyDatabase(StorageUnusable):
    """The database belongs to the original program."""


class StaleOwner(StepflowError):
    """Somebody else already recorded this part of the transcript."""


class CouldNotSpawn(StepflowError):
    """A pump could not be started."""


class AlreadyPumped(Conflict):
    """The execution has a pump."""


class AlreadyStarted(Conflict):
    """The execution was started before."""


class NoReader(Conflict):
    """Nobody reads the execution's input."""


class Gone(StepflowError):
    """The process is not there any more."""

    status = 410
