"""Sentences from a language model: with a fake server that can fail, stall and ramble, and a stub model."""

import builtins
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.prompts import read_prompts
from pointclip.writing import generate as g
from pointclip.writing import models
from pointclip.writing.build import KINDS, by_kind, token_count
from tests.endings import exit_code

ROOT = Path(__file__).parents[2]
CLIENT = "openai: the client is not installed; `pip install openai` to run this test"
WORDS = ("alpha", "bravo", "carol", "delta", "ember", "fjord", "grape", "hotel")


def good(number: int) -> str:
    """A distinct sentence for each number."""
    return f"A grey depth map with {WORDS[number % 8]} and {WORDS[number // 8 % 8]} as number {number}"


class FakeServer(http.server.ThreadingHTTPServer):
    """Serves chat completions; `script` defines the behaviour of the first requests, later ones succeed."""

    daemon_threads = True

    def __init__(self, script=(), reply=good):
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.script, self.reply, self.asked, self.lock = list(script), reply, [], threading.Lock()
        self.at_once = self.most_at_once = 0
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class FakeHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.asked.append((self.path, self.headers["Authorization"], request))
            number = len(server.asked) - 1
            act = server.script.pop(0) if server.script else None
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        with suppress(BrokenPipeError, ConnectionResetError):  # the client did not wait
            self.act(act, number)
        with server.lock:
            server.at_once -= 1

    def act(self, act, number):
        if act == "stall":
            self.server.released.wait(20)
        elif act == "hang up":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif isinstance(act, tuple):
            status, headers, body = act
            self.send(status, body, **headers)
        else:
            text = self.server.reply(number) if act is None else act
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            self.send(200, json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}))

    def send(self, status, body, **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": len(body)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def serve(monkeypatch):
    """Start fake servers, with the key set and short pauses."""
    pytest.importorskip("openai", reason=CLIENT)
    monkeypatch.setenv(models.KEY, "a-secret")
    monkeypatch.setattr(models, "FIRST_PAUSE", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    servers = []

    def start(*args, **kwargs):
        servers.append(FakeServer(*args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.released.set()
        server.shutdown()
        server.server_close()


def run(server, out, *more, classes="chair,night_stand", samples=2):
    arguments = ["--classes", classes] if classes else []
    arguments += ["--model", "m", "--base-url", server.url, "--out", str(out), "--samples", str(samples), "--quiet"]
    return exit_code(g.main, [*arguments, *more])


def test_commands_are_the_papers_four():
    assert g.commands("airplane") == {
        "caption": "Describe a depth map of an airplane.",
        "question": "How does a depth map of an airplane look?",
        "paraphrase": "Generate a synonym of: a grayscale depth map of an inclined, obscure airplane.",
        "words": "Make a sentence from: an airplane, depth map, obscure.",
    }
    parts = g.commands("gas_tank", "motorbike")
    assert list(parts) == list(KINDS)
    assert parts["question"] == "How does a depth map of the gas tank of a motorbike look?"
    assert parts["paraphrase"].endswith("of the inclined, obscure gas tank of a motorbike.")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("A grey chair", "A grey chair."),
        ('1. "A grey chair."', "A grey chair."),
        ("- **Caption:** “A grey chair”", "A grey chair."),
        ("3) 'A grey chair.'", "A grey chair."),
        ("Sure, here is one:\n\n* A grey chair!\n* Another grey chair", "A grey chair!"),
        ("<think>They want a\nchair here.</think>A grey chair", "A grey chair."),
        ("A  grey\tnight_stand", "A grey night stand."),
        ('A "grey" chair’s back', "A grey chair's back."),
        ("2.5 metres of grey chair", "2.5 metres of grey chair."),
        ("A chair is grey. " + "It is very grey. " * 30, None),
        ("grey " * 100, ""),
        ("", ""),
        ("12345 67 89", ""),
        ("A chair.", ""),
        ("As an AI, I have seen no chair.", ""),
        ("I’m sorry, but there is no chair.", ""),
        ("<html><body>Bad gateway here</body></html>", ""),
        ('{"error": "no such chair here"}', ""),
        ("A grey \ufffd\ufffd chair", ""),
        ("A grey\x00 chair\x1b[31m", ""),
    ],
)
def test_answers_are_cleaned(answer, sentence):
    if sentence is None:  # as many whole sentences as fit
        assert re.fullmatch(r"A chair is grey\.( It is very grey\.)+", g.usable(answer))
    else:
        assert g.usable(answer) == (sentence or None)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300))
def test_any_answer_gives_a_valid_sentence_or_none(answer):
    sentence = g.usable(answer)
    if sentence is not None:
        assert sentence.isprintable()
        assert sentence == sentence.strip()
        assert sentence[-1] in ".!?"
        assert token_count(sentence) <= 77


def test_file_has_the_published_format(serve, tmp_path, capsys):
    server, out = serve(), tmp_path / "new" / "out.json"
    assert run(server, out, samples=3) == 0
    prompts = read_prompts(out)
    assert list(prompts) == ["chair", "night_stand"]
    assert all(len(block) == 3 for sentences in prompts.values() for block in by_kind(sentences).values())
    assert [path.name for path in out.parent.iterdir()] == ["out.json"]
    asked = [request["messages"][-1]["content"] for _, _, request in server.asked]
    for name in ("chair", "night stand"):
        assert {asked.count(command) for command in g.commands(name).values()} == {3}
    assert {(path, key) for path, key, _ in server.asked} == {("/v1/chat/completions", "Bearer a-secret")}
    assert "2 lists, 24 sentences" in capsys.readouterr().out


def test_parts_are_below_their_category(serve, tmp_path):
    server, out = serve(), tmp_path / "out.json"
    assert run(server, out, "--category", "chair", "--parts", "seat, back", classes="") == 0
    assert {name: len(group) for name, group in read_prompts(out)["chair"].items()} == {"seat": 8, "back": 8}


@pytest.mark.parametrize(
    "fault",
    [
        (500, {}, "oops"),
        (503, {}, "<html>"),
        (429, {}, "{}"),
        (429, {"Retry-After": "0.05"}, '{"error": {"message": "slow down"}}'),
        "hang up",
        (200, {}, '{"choices": ['),
        (200, {}, "{}"),
        (200, {}, "null"),
        (200, {}, '{"choices": []}'),
        (200, {}, '{"choices": [{"message": null}]}'),
        (200, {}, '{"choices": [{"message": {"content": [1]}}]}'),
        (200, {}, b"\xff\xfe\x00"),
        (200, {"Content-Type": "text/html"}, "<html>welcome</html>"),
        (200, {"Content-Length": 1000}, "{"),
    ],
    ids=str,
)
def test_transient_errors_are_retried(fault, serve, tmp_path):
    server, out = serve([fault, fault, None, fault]), tmp_path / "out.json"
    assert run(server, out, "--timeout", "2", samples=1, classes="chair") == 0
    assert len(read_prompts(out)["chair"]) == 4
    assert len(server.asked) == 4 + 3


def test_stalled_request_is_retried(serve, tmp_path):
    server, out = serve(["stall", None, "stall"]), tmp_path / "out.json"
    assert run(server, out, "--timeout", "0.2", samples=1, classes="chair") == 0
    assert len(read_prompts(out)["chair"]) == 4


@pytest.mark.parametrize("babble", ["", "As an AI I cannot say.", "1.", "blah " * 200, "{}", None])
def test_duplicate_and_unusable_answers_are_replaced(babble, serve, tmp_path):
    babble = babble if babble is not None else good(0)  # the same as another answer
    server, out = serve([None, babble, None, babble, babble]), tmp_path / "out.json"
    assert run(server, out, "--jobs", "1", classes="chair") == 0
    assert len(set(read_prompts(out)["chair"])) == 8
    assert 8 < len(server.asked) <= 8 + 3


def test_few_usable_answers_give_smaller_equal_blocks(serve, tmp_path, capsys):
    server = serve(reply=lambda number: good(number % 6))
    assert run(server, tmp_path / "out.json", "--jobs", "1", classes="chair", samples=2) == 2
    assert "None of 6 answers to the words command for 'chair' is usable" in capsys.readouterr().err
    server = serve(reply=lambda number: good(min(number, 6)))
    assert run(server, tmp_path / "two.json", "--jobs", "1", classes="chair", samples=2) == 0
    assert "note: chair: 1 of 2 sentences per kind, because few words answers" in capsys.readouterr().out
    assert read_prompts(tmp_path / "two.json") == {"chair": [good(number) + "." for number in (0, 2, 4, 6)]}


def test_requests_run_concurrently(serve, tmp_path):
    server = serve(reply=lambda number: time.sleep(0.05) or good(number))
    assert run(server, tmp_path / "out.json", "--jobs", "4") == 0
    assert 2 <= server.most_at_once <= 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((401, {}, '{"error": {"message": "bad key a-secret"}}'), "refused the key with status 401"),
        ((404, {}, '{"error": {"message": "no model m, a-secret"}}'), "no model m"),
        ((400, {}, "x" * 5000), "check --base-url and --model"),
    ],
)
def test_permanent_errors_end_the_run_at_once(fault, words, serve, tmp_path, capsys):
    server = serve([fault])
    assert run(server, tmp_path / "out.json", "--jobs", "1") == 2
    output = capsys.readouterr().err
    assert words in output
    assert "a-secret" not in output
    assert output.count("\n") == 1
    assert len(output) < 500
    assert len(server.asked) == 1


def test_interrupted_run_resumes_from_the_answers_so_far(serve, tmp_path, capsys):
    out = tmp_path / "out.json"
    first = serve([None] * 5 + [(500, {}, "")] * 99)
    assert run(first, out, "--jobs", "1", "--retries", "2") == 2
    assert "failed 3 times" in capsys.readouterr().err
    assert len(first.asked) == 5 + 3
    partial = tmp_path / "out.json.partial"
    assert len(partial.read_text().splitlines()) == 1 + 5
    with open(partial, "a", encoding="utf-8") as file:
        file.write('["chair", "words"')  # truncated by a full disk
    first.script.clear()
    assert run(first, out, "--jobs", "1") == 0
    assert len(first.asked) == 5 + 3 + 11
    assert read_prompts(out)["chair"][:5] == [good(number) + "." for number in range(5)]
    assert not partial.exists()


def test_a_partial_file_of_another_model_is_not_mixed_in(serve, tmp_path, capsys):
    out = tmp_path / "out.json"
    server = serve([None] * 2 + [(400, {}, "")])
    assert run(server, out, "--jobs", "1") == 2
    assert run(server, out, "--seed", "1") == 2
    assert "was started with another model or seed" in capsys.readouterr().err
    assert len(server.asked) == 3
    assert not re.search("a-secret", (tmp_path / "out.json.partial").read_text())


def test_interrupt_exits_with_130_and_keeps_answers(serve, tmp_path):
    server, out = serve([None] * 3 + ["stall"] * 9), tmp_path / "out.json"
    command = [sys.executable, "prompts/generate.py", "--classes", "chair", "--model", "m", "--out", str(out)]
    command += ["--base-url", server.url, "--jobs", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True)
    while len(server.asked) < 5 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, output = process.communicate(timeout=10)  # the stalled requests take longer than that
    assert process.returncode == 130, output
    assert "run the same command again" in output
    assert "Traceback" not in output
    assert len((tmp_path / "out.json.partial").read_text().splitlines()) == 1 + 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--model m", "give either --classes"),
        ("--classes a --parts b --model m", "give either --classes"),
        ("--parts b --model m", "give either --classes"),
        ("--classes a --category b --model m", "give either --classes"),
        ("--classes a", "give either --model"),
        ("--classes a --model m --local n", "give either --model"),
        ("--classes a --local n --base-url http://x", "give either --model"),
        ("--classes a,,b --model m", "is empty"),
        ("--classes a,A --model m", "more than once"),
        ("--classes a --model m --samples 0", "--samples is 0; expected at least 1"),
        ("--classes a --model m --jobs x", "invalid int value"),
        ("--classes a --model m --jobs 0", "--jobs is 0"),
        ("--classes a --model m --retries -1", "--retries is -1"),
        ("--classes a --model m --timeout nan", "--timeout is nan"),
        ("--classes a --model m --temperature inf", "--temperature is inf"),
        ("--classes a --model m --colour red", "unrecognized arguments"),
    ],
)
def test_bad_arguments(arguments, words, tmp_path, capsys):
    assert exit_code(g.main, [*arguments.split(), "--out", str(tmp_path / "o.json")]) == 2
    output = capsys.readouterr().err.lower()
    assert words in output
    assert output.count("\n") == 1


def test_existing_output_is_not_overwritten(tmp_path, capsys):
    assert exit_code(g.main, ["--classes", "a", "--model", "m", "--out", str(tmp_path)]) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["localhost:80", "ftp://x", "http://", "http://me:pw@x/v1", "http://x:99999", "http://["]
)
def test_bad_addresses(url, monkeypatch, tmp_path, capsys):
    pytest.importorskip("openai", reason=CLIENT)
    monkeypatch.setenv(models.KEY, "k")
    assert exit_code(g.main, ["--classes", "a", "--model", "m", "--base-url", url, "--out", str(tmp_path / "o")]) == 2
    output = capsys.readouterr().err
    assert "must be a URL such as" in output
    assert "pw" not in output


@pytest.mark.parametrize(("key", "words"), [(None, "is not set"), (" ", "is not set"), ("kéy", "not valid in a key")])
def test_bad_keys(key, words, monkeypatch, tmp_path, capsys):
    pytest.importorskip("openai", reason=CLIENT)
    monkeypatch.delenv(models.KEY, raising=False)
    if key is not None:
        monkeypatch.setenv(models.KEY, key)
    assert exit_code(g.main, ["--classes", "a", "--model", "m", "--out", str(tmp_path / "o")]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("package", "flag"), [("openai", "--model"), ("transformers", "--local")])
def test_missing_package_is_named_with_a_fix(package, flag, monkeypatch, tmp_path, capsys):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == package:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert exit_code(g.main, ["--classes", "a", flag, "m", "--out", str(tmp_path / "o")]) == 2
    output = capsys.readouterr().err
    assert f"`pip install {package}`" in output
    assert output.count("\n") == 1


def stub_transformers(chat: bool) -> types.ModuleType:
    """The parts of transformers that LocalModel uses; answers depend only on the seed."""
    module = types.ModuleType("transformers")
    module.seeds, module.prompts = [], []

    def pipeline(task, model):
        if model == "none":
            raise OSError("none is not a local folder\nand more")
        assert task == "text-generation"

        def generate(prompt, **options):
            assert options == {"do_sample": True, "return_full_text": False, "max_new_tokens": models.NEW_TOKENS}
            module.prompts.append(prompt)
            return [{"generated_text": f"{good(module.seeds[-1] % 9973)}\nand then it goes on"}]

        generate.tokenizer = types.SimpleNamespace(chat_template="{{ messages }}" if chat else None)
        return generate

    module.pipeline, module.set_seed = pipeline, module.seeds.append
    return module


@pytest.mark.parametrize("chat", [True, False])
def test_a_local_model_writes_the_same_file_for_the_same_seed(chat, monkeypatch, tmp_path):
    module = stub_transformers(chat)
    monkeypatch.setitem(sys.modules, "transformers", module)
    texts = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{number}.json"
        arguments = ["--classes", "chair,bed", "--local", "m", "--samples", "2", "--out", str(out), "--quiet"]
        assert exit_code(g.main, [*arguments, "--seed", str(seed)]) == 0
        assert {name: len(group) for name, group in read_prompts(out).items()} == {"chair": 8, "bed": 8}
        texts.append(out.read_bytes())
    assert texts[0] == texts[1] != texts[2]
    command = "Describe a depth map of a chair."
    assert (module.prompts[0][-1]["content"] == command) if chat else (command in module.prompts[0])


def test_a_local_model_that_cannot_be_loaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "transformers", stub_transformers(True))
    assert exit_code(g.main, ["--classes", "a", "--local", "none", "--out", str(tmp_path / "o")]) == 2
    assert "Cannot load the model 'none' (none is not a local folder)" in capsys.readouterr().err


def test_pauses_increase_are_seeded_and_respect_the_server():
    pauses = [models.pause(attempt, seed=3) for attempt in range(9)]
    assert pauses == [models.pause(attempt, seed=3) for attempt in range(9)] != [models.pause(a, 4) for a in range(9)]
    for attempt, seconds in enumerate(pauses):
        most = min(models.FIRST_PAUSE * 2**attempt, models.LONGEST_PAUSE)
        assert most / 2 <= seconds <= most
    assert models.pause(0, seed=3, after=30) == 30
    assert models.pause(0, seed=3, after=1e9) == models.LONGEST_RETRY_AFTER


def test_retry_after_is_seconds_or_a_date():
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=100))
    assert 90 < models._seconds(soon) <= 100
    assert models._seconds("2.5") == 2.5
    assert [models._seconds(text) for text in ("", "soon", "-3", "nan", "inf", "Mon, 1 Jan 2001 00:00:00 GMT")] == [
        0
    ] * 6


def test_retries_pause_and_stop_on_request():
    waits = []

    class Failing:
        def ask(self, command, seed):
            raise models.TransientError("status 429", after=7)

    task = models.Task(("a", "caption", 0), "Describe.")
    with pytest.raises(models.InputError, match=r"failed 4 times on 'Describe\.' \(status 429\)"):
        models.ask_patiently(Failing(), task, 3, 0, lambda seconds: waits.append(seconds))
    assert waits == [7, 7, 7]
    with pytest.raises(models.StoppedError):
        models.ask_patiently(Failing(), task, 3, 0, lambda seconds: True)
