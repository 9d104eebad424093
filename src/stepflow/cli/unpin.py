"""`stepflow unpin`: takes the pin off again."""

from stepflow.cli import pin
from stepflow.cli.arguments import Arguments, Options


def arguments(parser: Arguments) -> None:
    pin.arguments(parser)


def main(options: Options) -> int:
    return pin.ask("DELETE", options)
