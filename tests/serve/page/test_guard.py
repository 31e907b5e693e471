"""Who is answered: hosts, origins and tokens; and the headers of every response."""

import pytest

from .clients import ADDRESS, TOKEN, client

PROTECTED = ("/detector", "/version", "/metrics", "/predict", "/predict/batch")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST:1"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert client().get("/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[::1", "10.0.0.1"])
def test_another_name_that_points_to_this_machine_is_refused(host: str) -> None:
    for path in ("/", "/detector", "/health"):
        found = client().get(path, headers={"Host": host})
        assert (found.status_code, found.json()["error"]) == (421, "host")


def test_beyond_loopback_any_name_is_answered() -> None:
    assert client(hosts=None).get("/version", headers={"Host": "detector.example"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000"])
def test_a_form_of_another_web_page_is_refused_before_it_is_scored(origin: str) -> None:
    found = client().post("/predict", files={"file": b"x"}, headers={"Origin": origin})
    assert (found.status_code, found.json()["error"]) == (403, "origin")


def test_the_own_page_and_programs_are_answered() -> None:
    for headers in ({"Origin": ADDRESS}, {}):
        assert client().post("/predict", files={"file": b"x"}, headers=headers).status_code == 200


def test_no_other_web_page_may_read_an_answer() -> None:
    found = client().options(
        "/predict", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert found.status_code == 403
    assert not [name for name in found.headers if name.startswith("access-control")]
    found = client().get("/version")
    assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize(
    "given", [None, "", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN]
)
def test_without_the_token_nothing_about_pictures_is_answered(path: str, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    method = "POST" if path.startswith("/predict") else "GET"
    found = client(token=TOKEN).request(method, path, headers=headers)
    assert found.status_code == 401
    assert found.json()["error"] == "token"
    assert found.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in found.text


@pytest.mark.parametrize("path", ["/predict/", "/Predict", "/files/../detector", "/files/%2e%2e/detector"])
def test_no_other_spelling_of_a_path_needs_no_token(path: str) -> None:
    found = client(token=TOKEN).get(path, follow_redirects=False)
    assert found.status_code in (401, 404)


def test_with_the_token_all_is_answered() -> None:
    asked = client(token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert asked.post("/predict", files={"file": b"x"}, headers=headers).status_code == 200
    assert asked.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_the_page_needs_no_token_and_asks_for_it() -> None:
    for path in ("/", "/docs", "/health", "/openapi.json", "/files/page.js", "/files/page.css"):
        assert client(token=TOKEN).get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/files/page.js", "/detector"])
def test_every_response_has_the_headers(path: str) -> None:
    found = client(token=TOKEN if path == "/detector" else "").get(path)
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cross-origin-resource-policy"] == "same-origin"
    assert found.headers["cache-control"] == "no-store"


def test_an_error_of_the_server_has_them_too() -> None:
    found = client().post("/predict", content=b"raise", headers={"Content-Type": "image/png"})
    assert (found.status_code, found.json()["error"]) == (500, "internal")
    assert "secret" not in found.text
    assert "content-security-policy" in found.headers
