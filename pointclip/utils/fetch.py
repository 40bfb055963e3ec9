"""Download of a large file over HTTP: resumable, retried when the connection drops, and moved into place atomically."""

import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.utils.files import atomic_path

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
_TRANSIENT = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError)  # network errors, not disk errors


@dataclass(frozen=True)
class Version:
    """Identifies the version of a file on a server, to detect changes between attempts."""

    url: str
    tag: str  # the server's ETag, or else Last-Modified; empty if it sends neither
    size: int  # bytes of the whole file; −1 if unknown


def fetch(
    url: str,
    path: str | Path,
    insecure: bool = False,
    progress: bool = True,
    retries: int = 5,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """Download `url` to the file `path`, which only appears once it is complete.

    Data is collected in `path` + ".part", with the file's version in a note beside it, and kept after an interruption;
    the next call resumes. It starts over if the server cannot resume or the file has changed there.

    Args:
        url: http or https address.
        path: where to save the file; its folder is created.
        insecure: accept any TLS certificate.
        progress: draw a progress bar.
        retries: number of further attempts, after increasing pauses, when the connection fails or the server is busy.
        wait: called with the seconds to pause.

    Raises:
        InputError: if the server refuses, its certificate is not valid, or all attempts failed; the part is kept.
    """
    _check_address(url)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to {path.parent}: {error.strerror}; choose another folder.") from error
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    for attempt in range(retries + 1):
        try:
            _fetch_once(url, part, note, insecure, progress)
            break
        except (OSError, http.client.HTTPException, ValueError) as error:
            _raise_if_permanent(url, error)
            if attempt == retries:
                raise InputError(
                    f"Downloading {url} failed after {attempt + 1} attempts ({_reason(error)}); run the command again "
                    f"to resume from {part}."
                ) from error
        wait(min(2**attempt, 30))
    os.replace(part, path)
    note.unlink(missing_ok=True)
    return path


def _check_address(url: str) -> None:
    """Raise an InputError unless `url` is an http or https address with a host."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        good = good and url.isprintable() and " " not in url
    except ValueError:  # an invalid port, an unmatched bracket
        good = False
    if not good:
        raise InputError(f"The address is {url!r}; expected http:// or https:// and a host.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only, and never from https to http."""

    def redirect_request(self, request, file, code, reason, headers, address):
        old, new = request.full_url, address
        try:
            _check_address(new)
        except InputError as error:
            raise InputError(
                f"{old} redirects to {new!r}, which is not an http or https URL; use another URL."
            ) from error
        if old.startswith("https:") and not new.startswith("https:"):
            raise InputError(f"{old} redirects from https to {new!r}; use another https URL.")
        return super().redirect_request(request, file, code, reason, headers, address)


def _fetch_once(url: str, part: Path, note: Path, insecure: bool, progress: bool) -> None:
    """Bring `part` to its full length; raises OSError or HTTPException when the connection breaks before that."""
    begun = read_note(note)
    have = part.stat().st_size if part.is_file() and begun is not None and begun.url == url else 0
    if begun is not None and have and have == begun.size:
        return  # interrupted between the last byte and the renaming
    headers = {"User-Agent": "pointclip", "Accept-Encoding": "identity"}
    if begun is not None and have:
        headers["Range"] = f"bytes={have}-"
        if begun.tag and not begun.tag.startswith("W/"):  # a weak tag does not guarantee identical bytes
            headers["If-Range"] = begun.tag
    request = urllib.request.Request(url, headers=headers)
    try:
        handlers = urllib.request.HTTPSHandler(context=_tls(insecure)), _Redirects()
        response = urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # longer than the current file: start over
            raise ConnectionError("the file has changed on the server") from error
        raise
    with response:
        start, now = _parse_response(url, response)
        if start and (start != have or now != begun):
            part.unlink(missing_ok=True)
            raise ConnectionError("the file has changed on the server")
        if not start:
            part.unlink(missing_ok=True)  # before the note, so that old data is never paired with a new note
            _write_note(note, now)
        _write(response, part, start, now.size, progress)


def _tls(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parse_response(url: str, response: http.client.HTTPResponse) -> tuple[int, Version]:
    """The byte at which the response starts, and the version of its file."""
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if found is None:
            raise http.client.HTTPException("the server's Content-Range cannot be read")
        return int(found[1]), Version(url, tag, int(found[2]))
    if response.status != http.HTTPStatus.OK:
        raise InputError(f"{url} responded {response.status} {response.reason}, without a file; check the URL.")
    length = response.headers.get("Content-Length")
    if length is not None and not re.fullmatch(r"\s*\d{1,18}\s*", length, re.ASCII):
        raise InputError(f"{url} sent the Content-Length {length!r}, which is not a valid size; use another URL.")
    return 0, Version(url, tag, -1 if length is None else int(length))


def _write(response: http.client.HTTPResponse, part: Path, start: int, size: int, progress: bool) -> None:
    with (
        open(part, "ab" if start else "wb") as file,
        tqdm(
            total=size if size >= 0 else None,
            initial=start,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=part.name.removesuffix(".part"),
            disable=not progress,
        ) as bar,
    ):
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            bar.update(len(chunk))
    have = part.stat().st_size
    if size >= 0 and have != size:
        raise ConnectionError(f"the connection ended after {have:,} of {size:,} bytes")


def _raise_if_permanent(url: str, error: Exception) -> None:
    """Raise an InputError for errors that retrying cannot fix."""
    reason = getattr(error, "reason", error)
    if isinstance(error, urllib.error.HTTPError):
        if error.code < 500 and error.code not in (408, 416, 429):
            raise InputError(
                f"{url} responded {error.code} {error.reason}; check it, or give another URL with --url."
            ) from error
    elif isinstance(reason, ssl.SSLCertVerificationError):
        raise InputError(
            f"The certificate of {url} is not valid ({getattr(reason, 'verify_message', reason)}); if you trust the "
            "server anyway, run the command again with --insecure (checksums are verified either way)."
        ) from error
    elif isinstance(reason, socket.gaierror):
        raise InputError(f"The host of {url} cannot be found ({reason.strerror}); check the network.") from error
    elif isinstance(error, InputError):
        raise error
    elif isinstance(error, ValueError | http.client.InvalidURL):  # such as a host with invalid characters
        raise InputError(f"{url} is not a valid URL ({_reason(error)}); check it.") from error
    elif isinstance(error, OSError) and not isinstance(error, _TRANSIENT):  # such as a full disk
        raise InputError(f"Cannot download {url}: {_reason(error)}; fix that and run the command again.") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return " ".join(str(reason).split()) or type(error).__name__


def read_note(note: Path) -> Version | None:
    try:
        version = Version(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):  # missing or damaged: nothing to resume
        return None
    valid = list(map(type, (version.url, version.tag, version.size))) == [str, str, int]
    return version if valid else None


def _write_note(note: Path, version: Version) -> None:
    with atomic_path(note) as temporary:
        temporary.write_text(json.dumps(asdict(version)), encoding="utf-8")
