"""`stepflow rerun`: the same command, directory and variables once more; secrets are asked anew."""

from stepflow.cli import connection
from stepflow.cli.arguments import Arguments, Options, key_value
from stepflow.cli.client import segment
from stepflow.cli.execution import path_of
from stepflow.cli.run import print_id, screen_for, watch


def arguments(parser: Arguments) -> None:
    parser.add_execution()
    parser.add_argument("--name", help="another name")
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        type=key_value,
        metavar="K=V",
        help="a secret's value: they are never kept",
    )
    parser.add_argument("-d", "--detach", action="store_true", help="print the id and leave")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")
    parser.add_place()


def main(options: Options) -> int:
    client = connection.viewer(options)
    changes = {"name": options.name, "secret_environment": dict(options.secret) or None}
    body = {key: value for key, value in changes.items() if value is not None}
    answer = client.ask("POST", f"{path_of(client, options.execution)}/rerun", body)
    if options.detach:
        print_id(answer, as_json=options.json)
        return 0
    path = f"/api/executions/{segment(answer['id'])}"
    return watch(client, path, screen_for(client, path, options))
