from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Served

INDEX = '<html><head><base href="./" /><script type="module" src="./assets/x.js"></script></head>'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ui = tmp_path_factory.mktemp("ui")
    (ui / "assets").mkdir()
    (ui / "index.html").write_text(INDEX)
    (ui / "assets/x.js").write_text("1")
    (ui / "assets/SystemPage-a1.js").write_text("2")
    (ui / "assets/ExecutionPage-b2.css").write_text("3")
    (ui.parent / "outside").write_text("secret")
    (ui / "link").symlink_to(ui.parent / "outside")
    with Served(tmp_path_factory.mktemp("built"), ui=ui) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "base"),
    [("/", "./"), ("/new", "./"), ("/system", "./"), ("/executions/some-id", "../")],
)
def test_every_page_knows_where_the_root_is_and_runs_no_foreign_code(
    built: Served, path: str, base: str
) -> None:
    answer = built.client.get(path)
    assert f'<base href="{base}" />' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/system", "<./assets/SystemPage-a1.js>; rel=modulepreload"),
        (
            "/executions/some-id",
            "<../assets/ExecutionPage-b2.css>; rel=preload; as=style; crossorigin",
        ),
        ("/new", None),
        ("/no/where", None),
    ],
)
def test_a_page_names_the_code_that_it_will_want(
    built: Served, path: str, link: str | None
) -> None:
    answer = built.client.get(path, headers={"Accept": "text/html"})
    assert answer.headers.get("link") == link


def test_code_comes_compressed_to_who_can_read_that(built: Served) -> None:
    url = "/assets/x.js"
    squeezed = built.client.get(url, headers={"Accept-Encoding": "br, gzip"})
    assert (squeezed.headers["content-encoding"], squeezed.text) == ("gzip", "1")
    plain = built.client.get(url, headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in plain.headers, plain.text) == (False, "1")
    assert squeezed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_files_of_the_build_are_served_and_hashed_ones_kept_for_ever(built: Served) -> None:
    answer = built.client.get("/assets/x.js")
    assert answer.text == "1"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/none.js", "/assets/..%2f..%2foutside", "/link", "/%2fetc%2fpasswd", "/a%00b", "/assets"],
)
def test_nothing_outside_of_the_build_is_served(built: Served, path: str) -> None:
    assert built.client.get(path).status_code == 404


def test_without_a_build_the_page_says_so(tmp_path: Path) -> None:
    with Served(tmp_path, ui=tmp_path / "none") as served:
        answer = served.client.get("/")
        assert answer.status_code == 503
        assert "not built" in answer.text


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(
    built: Served,
) -> None:
    page = built.client.get("/no/where", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"][:9]) == (404, "text/html")
    assert '<base href="../" />' in page.text
    problem = built.client.get("/no/where")
    assert problem.headers["content-type"] == "application/problem+json"
