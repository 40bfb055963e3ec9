"""Language models that answer one command at a time: on an OpenAI-compatible server, or on this machine."""

import os
import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from pointclip.errors import InputError, first_line

SYSTEM = (
    "You describe how objects look in depth maps. Answer with one plain English sentence of at most thirty words: "
    "no list, no quotation marks, no remark of your own."
)
KEY = "OPENAI_API_KEY"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between tries; doubled after each
LONGEST_RETRY_AFTER = 600.0  # seconds that a server may ask us to wait
NEW_TOKENS = 80  # of a local model's answer; a CLIP sentence has at most 77


class TransientError(Exception):
    """A failure that may go away on a retry; `after` is the number of seconds that the server asked to wait."""

    def __init__(self, reason: str, after: float = 0.0):
        super().__init__(reason)
        self.after = after


class StoppedError(Exception):
    """The run is being stopped, so this answer is no longer needed."""


class Model(Protocol):
    """Answers a command; may raise TransientError, or InputError if retrying is pointless."""

    def ask(self, command: str, seed: int) -> str: ...


class Endpoint:
    """A model on any OpenAI-compatible server. The key is only read from the environment.

    Args:
        model: its name on the server.
        base_url: such as http://localhost:8000/v1; None for the client's default.
        timeout: seconds without data after which a request is retried.
        temperature: None for the server's default.

    Raises:
        InputError: if the client is not installed, the URL is invalid, or the key is not set.
    """

    def __init__(self, model: str, base_url: str | None, timeout: float, temperature: float | None):
        try:
            import openai
        except ImportError as error:
            raise InputError("The openai client is missing; run `pip install openai`, or use --local MODEL.") from error
        if base_url is not None:
            _check_address(base_url)
        key = os.environ.get(KEY, "").strip()
        if not key:
            raise InputError(f"{KEY} is not set in the environment; set it (to any word if the server needs no key).")
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"{KEY} contains characters that are not valid in a key; set it again.")
        self._openai, self._key = openai, key
        self._options: dict[str, Any] = {"model": model} | ({} if temperature is None else {"temperature": temperature})
        self._client = openai.OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0)

    def ask(self, command: str, seed: int) -> str:
        """The model's answer; "" if it was truncated. The seed is not sent, since not all servers accept one."""
        messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": command}]
        try:
            reply = self._client.chat.completions.create(messages=messages, **self._options)
        except self._openai.APITimeoutError as error:
            raise TransientError("no answer in time") from error
        except self._openai.APIConnectionError as error:
            raise TransientError(f"no connection: {first_line(error.__cause__ or error)}") from error
        except self._openai.APIStatusError as error:
            raise self._refusal(error) from error
        except (self._openai.OpenAIError, ValueError) as error:  # a body that is not JSON, or has another structure
            raise TransientError(f"an unreadable answer: {first_line(error)[:80]}") from error
        return _content(reply)

    def _refusal(self, error) -> Exception:
        """The error for a status other than 200."""
        code = error.status_code
        message = " ".join(first_line(error).replace(self._key, "the key").split())[:200]
        if code in (408, 409, 425, 429) or code >= 500:
            return TransientError(f"status {code}", _seconds(error.response.headers.get("retry-after", "")))
        if code in (401, 403):
            return InputError(f"The server refused the key with status {code}; correct {KEY} in the environment.")
        return InputError(f"The server refused the request ({message}); check --base-url and --model.")


class LocalModel:
    """A transformers text-generation model, given by its name on the hub or a folder; slow without a GPU.

    Raises:
        InputError: if transformers is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, temperature: float | None):
        try:
            from transformers import pipeline, set_seed
        except ImportError as error:
            raise InputError("The transformers package is missing; run `pip install transformers`.") from error
        try:
            self._generate = pipeline("text-generation", model=model)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(f"Cannot load the model {model!r} ({first_line(error)}); check --local.") from error
        self._set_seed = set_seed
        self._options: dict[str, Any] = {"do_sample": True, "max_new_tokens": NEW_TOKENS, "return_full_text": False}
        self._options |= {} if temperature is None else {"temperature": temperature}

    def ask(self, command: str, seed: int) -> str:
        """The model's answer, deterministic for a given command and seed."""
        self._set_seed(seed)
        if getattr(self._generate.tokenizer, "chat_template", None):
            prompt = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": command}]
        else:
            prompt = f"{SYSTEM}\n\nCommand: {command}\nSentence:"
        text = self._generate(prompt, **self._options)[0]["generated_text"]
        return text if isinstance(text, str) else text[-1]["content"]


@dataclass(frozen=True)
class Task:
    """A request for one answer; `key` identifies it and determines its random numbers."""

    key: tuple
    command: str


def answers(
    model: Model, tasks: Sequence[Task], jobs: int, retries: int, seed: int, keep: Callable[[Task, str], None]
) -> Iterator[str]:
    """Run up to `jobs` requests concurrently and yield the answers as they arrive.

    `keep` receives each answer first, one at a time and in the thread that asked, so that none is lost if the consumer
    is interrupted. The threads are daemons, so that a stalled server does not delay an interruption.

    Raises:
        InputError: as soon as a request is refused, or has failed `retries` + 1 times; no other is started then.
    """
    waiting, done = queue.SimpleQueue[Any](), queue.SimpleQueue[Any]()
    stop, one_at_a_time = threading.Event(), threading.Lock()
    for task in tasks:
        waiting.put(task)

    def work() -> None:
        while not stop.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answer = ask_patiently(model, task, retries, seed, stop.wait)
                with one_at_a_time:
                    keep(task, answer)
                done.put(answer)
            except BaseException as error:  # raised again in the consumer's thread
                done.put(error)  # before the other threads stop with errors
                stop.set()

    try:
        for _ in range(min(jobs, len(tasks))):
            threading.Thread(target=work, daemon=True).start()
        for _ in tasks:
            answer = done.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        stop.set()


def ask_patiently(model: Model, task: Task, retries: int, seed: int, wait: Callable[[float], bool]) -> str:
    """Ask until there is an answer, with increasing pauses; `wait` sleeps and returns whether the run was stopped."""
    request_seed = zlib.crc32(repr((seed, *task.key)).encode())
    for attempt in range(retries + 1):
        try:
            return model.ask(task.command, request_seed)
        except TransientError as error:
            if attempt == retries:
                raise InputError(
                    f"The model failed {attempt + 1} times on {task.command!r} ({error}); run the same command again "
                    "later to continue."
                ) from error
            if wait(pause(attempt, request_seed, error.after)):
                raise StoppedError from error
    raise AssertionError("unreachable")


def pause(attempt: int, seed: int, after: float = 0.0) -> float:
    """Seconds before the next attempt: exponential backoff with jitter, at least what the server asks for."""
    longest = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
    seconds = longest * np.random.default_rng([seed, attempt]).uniform(0.5, 1)
    return max(seconds, min(after, LONGEST_RETRY_AFTER))


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or parts.username is not None:
        raise InputError(
            "--base-url must be a URL such as http://localhost:8000/v1, without user name or password; correct it."
        )


def _content(reply: object) -> str:
    """The text of a reply, "" if it was truncated at a token limit; TransientError if it is not a valid reply."""
    choices = getattr(reply, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if not choices or message is None:
        raise TransientError("an answer without a message")
    content = getattr(message, "content", None)
    if content is not None and not isinstance(content, str):
        raise TransientError("an answer that is not text")
    return "" if choices[0].finish_reason == "length" else content or ""


def _seconds(retry_after: str) -> float:
    """A Retry-After header, seconds or a date, as seconds from now; 0 for none."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0.0
        when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        seconds = (when - datetime.now(timezone.utc)).total_seconds()
    return seconds if 0 < seconds < float("inf") else 0.0
