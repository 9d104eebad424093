import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from documents import ROOT
from eventually import eventually
from server_process import ServerProcess, free_port

AROUND_NGINX = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off; default_type text/html;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/stepflow.conf;
}}
"""
PREFIXES = pytest.mark.parametrize("prefix", ["", "/stepflow"])


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    text = (ROOT / "deploy/nginx/stepflow.conf").read_text()
    ours = text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("8080", str(upstream))
    (folder / "stepflow.conf").write_text(ours)
    (folder / "nginx.conf").write_text(AROUND_NGINX.format(folder=folder))
    command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True)
    return command


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    settings = [f"SITE=http://127.0.0.1:{port}", f"UPSTREAM=127.0.0.1:{upstream}"]
    places = [f"XDG_DATA_HOME={folder}", f"XDG_CONFIG_HOME={folder}"]
    command = ["env", *settings, *places, "caddy"]
    config = ["--config", str(ROOT / "deploy/caddy/Caddyfile"), "--adapter", "caddyfile"]
    subprocess.run([*command, "validate", *config], check=True)
    return [*command, "run", *config]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a proxy with our configuration, in front of a server."""
    configured: Callable[[Path, int, int], list[str]] = request.param
    if shutil.which(configured.__name__) is None:
        pytest.skip(f"needs {configured.__name__}: apt-get install {configured.__name__}")
    port = free_port()
    command = configured(tmp_path_factory.mktemp("proxy"), port, server.port)
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{url}/api/health").status_code == 200
        return False

    eventually(answers)
    yield url
    running.terminate()
    running.wait(20)


@PREFIXES
def test_the_page_and_what_it_loads_come_through(proxy: str, prefix: str) -> None:
    with httpx.Client(base_url=proxy + prefix, follow_redirects=True) as client:
        page = client.get("/")
        assert '<div id="app">' in page.text
        (script,) = re.findall(r'<script[^>]* src="\./([^"]+)"', page.text)
        assert client.get(f"/{script}").headers["content-type"].startswith("text/javascript")
        assert client.get("").url.path == f"{prefix}/"


@PREFIXES
def test_a_page_behind_it_may_use_the_websocket(proxy: str, prefix: str) -> None:
    address = proxy.replace("http", "ws") + prefix + "/ws"
    with connect(address, origin=proxy) as socket:  # type: ignore[arg-type]
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_established"
        socket.send('{"type": "ping"}')
        assert json.loads(socket.recv(timeout=10))["type"] == "pong"


@PREFIXES
def test_events_come_when_they_happen(
    proxy: str, prefix: str, server: ServerProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    made = server.create(f"echo first; while [ ! -e {go} ]; do sleep 0.05; done; echo last")
    with httpx.stream("GET", f"{proxy}{prefix}/api/executions/{made}/events") as events:
        lines = events.iter_lines()
        assert any('"first"' in line for line in lines)
        go.touch()
        assert any('"last"' in line for line in lines)


@PREFIXES
def test_a_large_artifact_goes_up_and_comes_down(
    proxy: str, prefix: str, server: ServerProcess
) -> None:
    made, content = server.create("true"), b"0123456789abcdef" * 250_000
    server.ended(made)
    sent = httpx.post(
        f"{proxy}{prefix}/api/artifacts",
        data={"execution_id": made},
        files={"file": ("large.bin", content)},
        timeout=60,
    )
    assert sent.status_code == 201, sent.text
    (artifact,) = server.execution(made)["artifacts"]
    came = httpx.get(f"{proxy}{prefix}/api/artifacts/{artifact['id']}/download", timeout=60)
    assert came.content == content
