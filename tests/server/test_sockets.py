import os
import socket
from pathlib import Path

import pytest

from stepflow.errors import PortTaken
from stepflow.server.handover import Command, Handover
from stepflow.server.sockets import listen, listen_in


def test_a_taken_port_names_its_holder_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            listen("127.0.0.1", port, "STEPFLOW_PORT")
    assert f"port {port} on 127.0.0.1 is taken by" in caught.value.detail
    assert f"(process {os.getpid()})" in caught.value.detail
    assert "STEPFLOW_PORT" in caught.value.detail


def test_a_socket_in_a_folder_with_a_very_long_path_can_be_reached(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    with listen_in(folder) as listening, socket.socket(socket.AF_UNIX) as client:
        assert (folder / "stepflow.sock").stat().st_mode & 0o777 == 0o600
        directory = os.open(folder, os.O_RDONLY)
        client.connect(f"/proc/self/fd/{directory}/stepflow.sock")
        os.close(directory)
        listening.setblocking(True)
        listening.accept()[0].close()


def test_a_command_that_is_left_is_taken_once(tmp_path: Path) -> None:
    command = Command(["stepflow", "serve"], {"A": "1"})
    command.leave(tmp_path / "public.json")
    assert (tmp_path / "public.json").stat().st_mode & 0o777 == 0o600
    assert Command.take(tmp_path / "public.json") == command
    assert not (tmp_path / "public.json").exists()


def test_a_handover_knows_every_descriptor_that_must_stay_open() -> None:
    assert Handover(3, {"http": 4, "unix": 5}, {"id": 6}).descriptors == [3, 4, 5, 6]
