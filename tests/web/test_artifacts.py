import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from served import Served


@pytest.fixture(scope="module")
def execution_id(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("work")
    (folder / "out.txt").write_text("content\n")
    (folder / "page.html").write_text("<script>\n")
    script = "echo ARTIFACT:out.txt:Result; echo ARTIFACT:page.html"
    execution = served.run(script, working_directory=str(folder))
    return str(execution["id"])


def artifacts(served: Served, execution_id: str) -> dict[str, dict[str, Any]]:
    found = served.client.get(f"/api/executions/{execution_id}/artifacts").json()["artifacts"]
    return {one["file_name"]: one for one in found}


def upload(served: Served, execution_id: str, content: bytes, name: str = "up.bin") -> Any:
    return served.client.post(
        "/api/artifacts",
        files={"file": (name, content)},
        data={"execution_id": execution_id, "description": "by hand"},
    )


def test_a_scripts_artifacts_can_be_listed_and_downloaded(
    served: Served, execution_id: str
) -> None:
    [kept] = [one for one in artifacts(served, execution_id).values() if one["file_size"] == 8]
    assert (kept["state"], kept["exists"], kept["problem"]) == ("stored", True, None)
    answer = served.client.get(kept["download_url"])
    assert answer.text == "content\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    part = served.client.get(kept["download_url"], headers={"Range": "bytes=3-5"})
    assert (part.status_code, part.text) == (206, "ten")
    assert served.client.get(f"/api/artifacts/{kept['id']}").json()["id"] == kept["id"]


def test_html_is_shown_without_origin_scripts_or_requests(
    served: Served, execution_id: str
) -> None:
    kept = next(one for one in artifacts(served, execution_id).values() if one["file_size"] == 9)
    answer = served.client.get(kept["download_url"], params={"inline": "1"})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith("inline")
    policy = [part.strip() for part in answer.headers["content-security-policy"].split(";")]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_file_is_downloaded_where_nobody_asks_to_see_it(
    served: Served, execution_id: str
) -> None:
    kept = next(one for one in artifacts(served, execution_id).values() if one["file_size"] == 9)
    answer = served.client.get(kept["download_url"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_all_artifacts_come_as_one_zip_file(served: Served, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/report.txt").write_text("first\n" * 100_000)
    (tmp_path / "report.txt").write_text("second\n")
    script = "; ".join(
        f"echo ARTIFACT:{path}" for path in ("one/report.txt", "report.txt", "report.txt", "gone")
    )
    run = served.run(script, working_directory=str(tmp_path))
    answer = served.client.get(f"/api/executions/{run['id']}/artifacts.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert bundle.testzip() is None
        assert bundle.read("one/report.txt") == b"first\n" * 100_000
        assert bundle.read("report.txt") == bundle.read("report (2).txt") == b"second\n"
        assert bundle.read("MISSING.txt") == b"gone: gone was never there\n"


def test_an_uploaded_file_is_kept_byte_by_byte(served: Served, execution_id: str) -> None:
    content = bytes(range(256)) * 5000
    answer = upload(served, execution_id, content, "../../evil\\..\\name.png")
    assert answer.status_code == 201, answer.text
    artifact = answer.json()["artifact"]
    assert (artifact["file_name"], artifact["file_size"]) == ("name.png", len(content))
    assert (artifact["description"], artifact["mime_type"]) == ("by hand", "image/png")
    shown = served.client.get(artifact["download_url"], params={"inline": "1"})
    assert shown.content == content
    assert shown.headers["content-type"] == "image/png"
    assert (served.storage.parent / artifact["file_path"]).read_bytes() == content


def test_an_artifact_is_forgotten_with_its_file(served: Served, execution_id: str) -> None:
    artifact = upload(served, execution_id, b"short lived").json()["artifact"]
    path = f"/api/artifacts/{artifact['id']}"
    assert served.client.delete(path).status_code == 200
    assert served.client.get(path).status_code == 404
    assert served.client.get(artifact["download_url"]).status_code == 404
    assert not (served.storage.parent / artifact["file_path"]).exists()


def test_all_artifacts_are_listed_in_pages(served: Served, execution_id: str) -> None:
    upload(served, execution_id, b"newest")
    first = served.client.get("/api/artifacts?limit=1").json()
    assert (first["count"], first["has_more"]) == (1, True)
    second = served.client.get(
        "/api/artifacts", params={"limit": 1, "cursor": first["next"]}
    ).json()
    assert second["artifacts"][0]["id"] != first["artifacts"][0]["id"]


@pytest.mark.parametrize(
    ("files", "data", "status"),
    [
        ({}, {"execution_id": "x"}, 415),
        ({"file": ("a", b"x")}, {}, 422),
        ({"file": ("a", b"x")}, {"execution_id": "nothing"}, 404),
        ({"other": ("a", b"x")}, {"execution_id": "nothing"}, 422),
        ({"file": ("a", b"x")}, {"execution_id": "nothing", "name": "\0"}, 404),
    ],
)
def test_a_bad_upload_is_refused_and_leaves_nothing(
    served: Served, files: Any, data: dict[str, str], status: int
) -> None:
    answer = served.client.post("/api/artifacts", files=files, data=data)
    assert answer.status_code == status, answer.text
    assert not list((served.storage / "artifacts").glob(".upload*"))


def test_a_form_that_ends_too_early_is_refused(served: Served, execution_id: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = served.client.post("/api/artifacts", content=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (422, "the form ends too early")
    assert not list(Path(served.storage / "artifacts").glob(".upload*"))


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=-2", 206, b"89"),
        ("bytes=1-2,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=nonsense", 200, b"0123456789"),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(
    served: Served, execution_id: str, wanted: str, status: int, content: bytes
) -> None:
    url = upload(served, execution_id, b"0123456789").json()["artifact"]["download_url"]
    answer = served.client.get(url, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)


def test_a_part_beyond_the_end_of_a_file_is_refused_in_the_usual_words(
    served: Served, execution_id: str
) -> None:
    url = upload(served, execution_id, b"0123456789").json()["artifact"]["download_url"]
    answer = served.client.get(url, headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer.json()["field"]) == (416, "Range")
    assert answer.headers["content-range"] == "bytes */10"
