"""Downloading, resuming, verifying and installing data sets, with a local server."""

import hashlib
import http.server
import io
import re
import socket
import ssl
import stat
import threading
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace

import pytest

from pointclip.datasets import download as module
from pointclip.datasets.catalog import SOURCES, Source
from pointclip.datasets.download import main, verify
from pointclip.errors import InputError
from pointclip.utils import fetch as fetch_module
from pointclip.utils.fetch import fetch
from tests.endings import exit_code, exit_code_of_script

CONTENT = {"ply_data_train0.h5": b"train" * 5000, "ply_data_test0.h5": b"test" * 5000}


def archive(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return buffer.getvalue()


GOOD = archive({f"small/{name}": data for name, data in CONTENT.items()} | {"small/notes.txt": b"foreign"})
SMALL = Source(
    name="small",
    title="Small",
    url="http://nowhere.invalid/small.zip",
    folder="small_h5/small",
    files={name: hashlib.md5(data).hexdigest() for name, data in CONTENT.items()},
    about="a test",
    also_in=("small",),
)


class Server(http.server.ThreadingHTTPServer):
    """Serves `body`, with faults set by the attributes."""

    daemon_threads = True
    body = GOOD
    tag = '"one"'
    ranges = True
    cut_after: int | None = None  # bytes after which the connection drops
    cuts = 0  # how many answers are cut
    codes = ()  # answered before the first good one
    headers = ()  # (name, value) of an answer without a body, instead of the file
    code = 200  # of that answer

    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        if server.codes:
            code, *server.codes = server.codes
            self.send_error(code)
            return
        if server.headers:
            self.send_response(server.code)
            for name, value in server.headers:
                self.send_header(name, value)
            self.end_headers()
            return
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted and server.ranges and self.headers.get("If-Range") in (None, server.tag):
            start = int(wanted[1])
        if start >= len(server.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(len(server.body) - start))
        self.end_headers()
        data = server.body[start:]
        if server.cuts:
            server.cuts -= 1
            data = data[: server.cut_after]
        self.wfile.write(data)


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    server.url = f"http://127.0.0.1:{server.server_port}/small.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def small(monkeypatch):
    """The small data set, registered with the command line; retries do not pause."""
    monkeypatch.setitem(SOURCES, "small", SMALL)
    monkeypatch.setattr(module, "fetch", quick_fetch)
    return SMALL


def quick_fetch(url, path, **options):
    return fetch(url, path, **{"wait": lambda seconds: None, **options, "progress": False})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_downloads_a_file(server, tmp_path):
    path = quick_fetch(server.url, tmp_path / "new" / "a.zip")
    assert path.read_bytes() == GOOD
    assert names(path.parent) == ["a.zip"]


def test_resumes_when_the_connection_drops(server, tmp_path):
    server.cut_after, server.cuts = 100, 2
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD
    assert server.asked == [None, "bytes=100-", "bytes=200-"]


def test_interrupted_download_resumes_in_the_next_call(server, tmp_path, monkeypatch):
    def interrupted(response, part, *rest):
        part.write_bytes(response.read(1000))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch_module, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            quick_fetch(server.url, tmp_path / "a.zip")
    assert names(tmp_path) == ["a.zip.part", "a.zip.part.json"]
    assert (tmp_path / "a.zip.part").read_bytes() == GOOD[:1000]
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD
    assert server.asked == [None, "bytes=1000-"]


def leave_part(server, path, length):
    """Leave a part by a download that is interrupted after `length` bytes."""
    server.cut_after, server.cuts = length, 1
    with pytest.raises(InputError, match="after 1 attempts"):
        quick_fetch(server.url, path, retries=0)
    assert path.with_name(path.name + ".part").stat().st_size == length


@pytest.mark.parametrize("tag", ['"one"', "", 'W/"weak"'])
def test_starts_over_if_the_server_has_no_ranges(server, tmp_path, tag):
    server.ranges, server.tag = False, tag
    leave_part(server, tmp_path / "a.zip", 300)
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD


@pytest.mark.parametrize("tag", ['"one"', "", 'W/"weak"'])
@pytest.mark.parametrize("body", [b"x" * 5000, b"y" * 200])
def test_starts_over_if_the_file_changed(server, tmp_path, tag, body):
    server.tag = tag
    leave_part(server, tmp_path / "a.zip", 300)
    server.body = body
    server.tag = tag.replace("one", "two").replace("weak", "faint")
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == body


def test_part_of_another_url_is_not_resumed(server, tmp_path):
    leave_part(server, tmp_path / "a.zip", 300)
    server.body = b"z" * 1000
    assert quick_fetch(server.url + "?other", tmp_path / "a.zip").read_bytes() == server.body
    assert server.asked[-1] is None


def test_part_without_its_note_is_not_resumed(server, tmp_path):
    leave_part(server, tmp_path / "a.zip", 300)
    (tmp_path / "a.zip.part.json").write_text("{")
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD
    assert server.asked[-1] is None


def test_complete_part_needs_no_server(server, tmp_path):
    leave_part(server, tmp_path / "a.zip", 300)
    (tmp_path / "a.zip.part").write_bytes(GOOD)
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD
    assert len(server.asked) == 1


def test_truncated_file_is_never_installed(server, tmp_path):
    server.cut_after, server.cuts = 10, 99
    with pytest.raises(InputError, match=r"after 3 attempts.*the connection ended after 30 of"):
        quick_fetch(server.url, tmp_path / "a.zip", retries=2)
    assert not (tmp_path / "a.zip").exists()


def test_retries_only_transient_errors(server, tmp_path):
    server.codes = (503, 429)
    assert quick_fetch(server.url, tmp_path / "a.zip").read_bytes() == GOOD
    server.codes, server.asked = (404,), []
    with pytest.raises(InputError, match=r"404 Not Found.*--url"):
        quick_fetch(server.url, tmp_path / "b.zip")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (ssl.SSLCertVerificationError(1, "certificate has expired"), "not valid.*--insecure"),
        (socket.gaierror(-2, "Name or service not known"), "cannot be found"),
    ],
)
def test_permanent_errors_are_reported_at_once(tmp_path, monkeypatch, reason, message):
    calls = []

    def fail(opener, *arguments, **options):
        (https,) = (handler for handler in opener.handlers if isinstance(handler, urllib.request.HTTPSHandler))
        calls.append(https._context.verify_mode)
        raise urllib.error.URLError(reason)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", fail)
    with pytest.raises(InputError, match=message):
        quick_fetch("https://example.invalid/a.zip", tmp_path / "a.zip")
    with pytest.raises(InputError, match=message):
        quick_fetch("https://example.invalid/a.zip", tmp_path / "a.zip", insecure=True)
    assert calls == [ssl.CERT_REQUIRED, ssl.CERT_NONE]


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/hostname", "http://", "http://:80/a", "http://a:port/b", "http://a:0/b", "http://[::1/a"),
        *("http://a b/c", "http://a\r\nb/c", "http://" + "a" * 70 + ".b/c", "http://a..b/c"),
    ],
)
def test_invalid_url_is_rejected(tmp_path, url):
    with pytest.raises(InputError) as caught:
        quick_fetch(url, tmp_path / "a.zip", retries=0)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("code", "headers", "message"),
    [
        (200, [("Content-Length", "-5")], "'-5', which is not a valid size"),
        (200, [("Content-Length", "many")], "'many', which is not a valid size"),
        (200, [("Content-Length", "9" * 30)], "which is not a valid size"),
        (204, [("X-Nothing", "1")], "responded 204 No Content, without a file"),
        (302, [("Location", "file:///etc/hostname")], "'file:///etc/hostname' is not allowed"),
        (302, [("Location", "http://[::1/a")], "check|redirects|after 1 attempts"),
        (302, [("Location", "/small.zip")], "responded 302"),
        (302, [("X-Nothing", "1")], "responded 302"),
        (206, [("Content-Range", "bytes 5-9/10")], "the file has changed"),
        (206, [("Content-Range", "all of it")], "Content-Range cannot be read"),
    ],
)
def test_unexpected_responses_are_reported(server, tmp_path, code, headers, message):
    server.code, server.headers = code, headers
    with pytest.raises(InputError, match=message):
        quick_fetch(server.url, tmp_path / "a.zip", retries=0)
    assert not (tmp_path / "a.zip").exists()


def test_redirect_from_https_is_rejected(tmp_path):
    handler = fetch_module._Redirects()
    request = urllib.request.Request("https://a/b")
    with pytest.raises(InputError, match="redirects from https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://a/b")
    assert handler.redirect_request(request, None, 302, "Found", {}, "https://c/d").full_url == "https://c/d"


@pytest.mark.parametrize("note", ["[" * 9999, "[]", '{"url": 5, "tag": [], "size": "x"}', '{"url": "x"}'])
def test_damaged_note_is_ignored(tmp_path, note):
    path = tmp_path / "a.part.json"
    path.write_text(note)
    assert fetch_module.read_note(path) is None


def test_command_downloads_unpacks_and_verifies(server, small, tmp_path, capsys):
    arguments = ["small", "--root", str(tmp_path)]
    assert exit_code(main, [*arguments, "--verify"]) == 1
    assert capsys.readouterr().out.count("missing") == 2
    assert exit_code(main, [*arguments, "--url", server.url]) == 0
    assert "ply_data_test0.h5  20,000 bytes" in capsys.readouterr().out
    assert names(tmp_path) == ["small_h5"]
    folder = tmp_path / "small_h5" / "small"
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert stat.S_IMODE(folder.stat().st_mode) & 0o500 == 0o500
    assert exit_code(main, [*arguments, "--verify"]) == 0
    assert capsys.readouterr().out.count("ok  ") == 2
    assert exit_code(main, arguments) == 0  # all there: its address, which does not exist, is not asked
    assert len(server.asked) == 1


def test_damaged_file_is_reported_and_replaced(server, small, tmp_path, capsys):
    folder = tmp_path / "small_h5" / "small"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    (folder / "ply_data_train0.h5").write_bytes(b"half")
    (folder / "ply_data_test0.h5").write_bytes(CONTENT["ply_data_test0.h5"])
    assert exit_code(main, ["small", "--root", str(tmp_path), "--verify"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("wrong")
    assert second.startswith("ok")
    assert exit_code(main, ["small", "--root", str(tmp_path), "--url", server.url]) == 0
    assert (folder / "mine.txt").read_text() == "mine"
    assert all(ok for ok, _ in verify(small, tmp_path))


def test_data_set_in_another_known_folder_is_found(small, tmp_path):
    (tmp_path / "small").mkdir()
    for name, data in CONTENT.items():
        (tmp_path / "small" / name).write_bytes(data)
    assert exit_code(main, ["small", "--root", str(tmp_path)]) == 0
    assert names(tmp_path) == ["small"]


def linked():
    buffer = io.BytesIO(GOOD)
    link = zipfile.ZipInfo("small/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "a") as zipped:
        zipped.writestr(link, "/etc")
    return buffer.getvalue()


MEMBERS = {f"small/{name}": data for name, data in CONTENT.items()}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (archive(MEMBERS | {"../evil.txt": b"x"}), "outside its folder"),
        (archive(MEMBERS | {"small/../../evil.txt": b"x"}), "outside its folder"),
        (archive(MEMBERS | {"/evil.txt": b"x"}), "outside its folder"),
        (archive(MEMBERS | {"C:/evil.txt": b"x"}), "outside its folder"),
        (linked(), "link"),
        (archive(MEMBERS | {"small/ply_data_test0.h5": b"other"}), "md5"),
        (archive({"small/ply_data_test0.h5": CONTENT["ply_data_test0.h5"]}), "lacks ply_data_train0.h5"),
        (GOOD[:-50], "not a complete .zip"),
        (GOOD[:2000] + bytes(100) + GOOD[2100:], "not a complete .zip"),
        (b"<html>gone</html>", "not a complete .zip"),
    ],
)
def test_bad_archive_installs_nothing(server, small, tmp_path, capsys, body, message):
    server.body = body
    root = tmp_path / "root"
    assert exit_code(main, ["small", "--root", str(root), "--url", server.url]) == 2
    assert message in capsys.readouterr().err
    assert names(root) == []  # the archive is gone too, so that a second try fetches it again
    assert names(tmp_path) == ["root"]


def test_full_disk_is_reported_and_the_archive_kept(server, small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 5}))
    assert exit_code(main, ["small", "--root", str(tmp_path), "--url", server.url]) == 2
    assert "only 5 are free" in capsys.readouterr().err
    assert names(tmp_path) == ["small.zip"]


def test_ctrl_c_exits_with_130(small, tmp_path, capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch_module, "fetch", interrupt)
    assert exit_code_of_script(module, ["small", "--root", str(tmp_path)], monkeypatch) == 130
    printed = capsys.readouterr().err
    assert "downloaded data is kept; run the same command again" in printed
    assert printed.count("\n") == 1


def test_exit_code_of_verify(small, tmp_path, monkeypatch):
    assert exit_code_of_script(module, ["small", "--root", str(tmp_path), "--verify"], monkeypatch) == 1


def test_disk_that_fills_up_is_reported(server, small, tmp_path, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device", "a.h5")

    monkeypatch.setattr(module.zipfile.ZipFile, "extractall", full)
    assert exit_code(main, ["small", "--root", str(tmp_path), "--url", server.url]) == 2
    assert re.fullmatch(r"error: .*No space left on device: 'a\.h5'.*\n", capsys.readouterr().err)
    assert names(tmp_path) == ["small.zip"]


def test_root_that_is_a_file_is_rejected(small, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert exit_code(main, ["small", "--root", str(tmp_path / "file")]) == 2
    assert "Cannot write" in capsys.readouterr().err


def test_scanobjectnn_asks_for_the_signed_agreement(tmp_path, capsys):
    assert exit_code(main, ["scanobjectnn", "--root", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert SOURCES["scanobjectnn"].agreement in message
    assert SOURCES["scanobjectnn"].url in message
    assert names(tmp_path) == []


def test_verification_of_scanobjectnn(tmp_path):
    source = SOURCES["scanobjectnn"]
    assert [ok for ok, _ in verify(source, tmp_path)] == [False] * 6
    for name in source.files:
        path = tmp_path / "h5_files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [ok for ok, _ in verify(source, tmp_path)] == [True] * 6
    (tmp_path / "h5_files.zip").write_bytes(b"archive")
    *_, (ok, line) = verify(source, tmp_path)
    assert not ok
    assert "7 bytes, expected 13,099,259,542" in line
    whole = replace(source, archive_bytes=7, archive_md5=hashlib.md5(b"archive").hexdigest())
    assert all(ok for ok, _ in verify(whole, tmp_path))


def test_checksums_are_md5():
    for source in SOURCES.values():
        assert all(digest is None or re.fullmatch("[0-9a-f]{32}", digest) for digest in source.files.values())
