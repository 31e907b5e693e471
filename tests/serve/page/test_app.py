"""What the app answers: pictures, batches, operation, and the page's files, which load nothing from elsewhere."""

import re

import pytest

from unseen.serve.page.app import HERE

from .clients import Quick, client

IMAGE = {"Content-Type": "image/png"}


def test_a_picture_as_body_and_as_form_has_the_same_answer() -> None:
    asked = client()
    body = asked.post("/predict", content=b"x", headers=IMAGE).json()
    form = asked.post("/predict", files={"file": ("../../etc/passwd", b"x")}).json()
    assert form["name"] == "../../etc/passwd", "a name is told back and never opened"
    assert {**form, "name": "", "seconds": 0} == {**body, "seconds": 0}
    assert body["faces"][0]["verdict"] == "fake"
    assert body["sha256"] == form["sha256"]


def test_a_bad_picture_of_a_batch_stops_no_other() -> None:
    files = [("files", (name, name.encode())) for name in ("a", "bad", "c")]
    pictures = client().post("/predict/batch", files=files).json()["pictures"]
    assert [(one["name"], one["status"]) for one in pictures] == [("a", 200), ("bad", 422), ("c", 200)]
    assert pictures[1]["error"]["error"] == "damaged"
    assert pictures[1]["answer"] is None


def test_fields_that_are_new_come_through() -> None:
    class New(Quick):
        def answer(self, data: bytes, heat: bool) -> dict[str, object]:
            return {**super().answer(data, heat), "provenance": {"c2pa": "none"}, "further": 1}

    found = client(New()).post("/predict", content=b"x", headers=IMAGE).json()
    assert (found["provenance"], found["further"]) == ({"c2pa": "none"}, 1)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("GET", "/nothing", 404), ("POST", "/predict?heat=perhaps", 422), ("PUT", "/", 405)],
)
def test_every_error_has_the_same_form(method: str, path: str, status: int) -> None:
    found = client().request(method, path, headers=IMAGE)
    assert found.status_code == status
    assert set(found.json()) == {"error", "detail"}


def test_metrics_count_what_was_answered_and_hold_no_names() -> None:
    asked = client()
    asked.post("/predict", files={"file": ("secret-name.png", b"x")})
    asked.post("/predict", content=b"bad", headers=IMAGE)
    asked.get("/invented/secret-path")
    text = asked.get("/metrics").text
    assert 'unseen_requests_total{path="/predict",status="200"} 1' in text
    assert 'unseen_requests_total{path="/predict",status="422"} 1' in text
    assert 'unseen_requests_total{path="other",status="404"} 1' in text
    assert 'unseen_faces_total{verdict="fake"} 1' in text
    assert 'unseen_not_scored_total{reason="damaged"} 1' in text
    assert 'unseen_picture_seconds_bucket{le="+Inf"} 1' in text
    assert "secret" not in text
    assert all(re.fullmatch(r"(#.*|[a-z_]+(\{.*\})? [0-9.e+]+)", line) for line in text.splitlines())


def test_openapi_describes_bodies_and_refusals() -> None:
    found = client().get("/openapi.json").json()
    predict = found["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"multipart/form-data", "image/*", "application/octet-stream"}
    assert {"200", "413", "415", "422", "429", "503"} <= set(predict["responses"])
    assert "multipart/form-data" in found["paths"]["/predict/batch"]["post"]["requestBody"]["content"]
    assert {"/health", "/version", "/metrics", "/detector"} <= set(found["paths"])


def test_the_pages_load_nothing_from_elsewhere_and_hold_no_code() -> None:
    for path in ("/", "/docs"):
        text = client().get(path).text
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text), "the policy forbids it"
        for link in re.findall(r"(?:src|href)=\"(files/[^\"]+)\"", text):
            assert client().get(f"/{link}").status_code == 200
    for file in HERE.glob("*.js"):
        text = file.read_text("utf-8")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text, "text of a server or a file would become markup"
        for link in re.findall(r"from \"\./([^\"]+)\"", text):
            assert (HERE / link).is_file()


def test_only_files_of_the_page_are_served() -> None:
    for path in ("/files/../app.py", "/files/%2e%2e/app.py", "/files//etc/passwd", "/files/", "/app.py"):
        assert client().get(path).status_code in (404, 405), path


def test_not_flagged_is_never_called_real() -> None:
    texts = " ".join(file.read_text("utf-8") for file in HERE.iterdir())
    assert re.search(r"[Nn]ot flagged does not mean real", texts)
    assert not re.search(r"(is|looks|seems|probably|likely) (real|genuine|authentic)[^ ]*[.<\"]", texts)


FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="\\\\ud800.png"\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("charset", "status"),
    [("undefined", 400), ("punycode", 400), ("unicode_escape", 400), ("UTF-8", 200), ("iso-8859-1", 200)],
)
def test_a_charset_of_a_form_is_no_error_of_the_server(charset: str, status: int) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    found = client().post("/predict", content=FORM, headers=headers)
    assert (found.status_code, "error" in found.json()) == (status, status == 400)


@pytest.mark.parametrize("path", ["/files/%00", "/files/..%2f..%2fapp.py", f"/files/{'x' * 5000}", "/files/%ff"])
def test_no_other_file_is_given(path: str) -> None:
    assert client().get(path).status_code == 404
