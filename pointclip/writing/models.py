"""Language models that answer one command at a time: behind an OpenAI-compatible address, or on this machine."""

import os
import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Protocol
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


class PassingError(Exception):
    """What trying again may cure; `after` is how many seconds the server asked to wait."""

    def __init__(self, reason: str, after: float = 0.0):
        super().__init__(reason)
        self.after = after


class StoppedError(Exception):
    """The work is being given up, so this answer is no longer wanted."""


class Model(Protocol):
    """Answers a command; may raise PassingError, or InputError where trying again is hopeless."""

    def ask(self, command: str, seed: int) -> str: ...


class Endpoint:
    """A model behind any OpenAI-compatible address. The key comes from the environment alone.

    Args:
        model: as the server calls it.
        base_url: such as http://localhost:8000/v1; None for the client's own choice.
        timeout: seconds without a byte after which a request is tried again.
        temperature: None leaves it to the server.

    Raises:
        InputError: when the client is not installed, the address is none, or the key is not set.
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
            raise InputError(f"{KEY} is not set in the environment; set it, to any word if the server wants no key.")
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"{KEY} holds characters that no key has; copy the key into the environment again.")
        self._openai, self._key = openai, key
        self._options = {"model": model} | ({} if temperature is None else {"temperature": temperature})
        self._client = openai.OpenAI(api_key=key, base_url=base_url, timeout=timeout, max_retries=0)

    def ask(self, command: str, seed: int) -> str:
        """The model's answer; "" when it was cut off. The seed is of no use here: servers differ in what they take."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": command}]
        try:
            reply = self._client.chat.completions.create(messages=messages, **self._options)
        except self._openai.APITimeoutError as error:
            raise PassingError("no answer in time") from error
        except self._openai.APIConnectionError as error:
            raise PassingError(f"no connection: {first_line(error.__cause__ or error)}") from error
        except self._openai.APIStatusError as error:
            raise self._refusal(error) from error
        except (self._openai.OpenAIError, ValueError) as error:  # a body that is not JSON, or not of this form
            raise PassingError(f"an answer that cannot be read: {first_line(error)[:80]}") from error
        return _content(reply)

    def _refusal(self, error) -> Exception:
        """What an answer other than 200 means."""
        code = error.status_code
        said = " ".join(first_line(error).replace(self._key, "the key").split())[:200]
        if code in (408, 409, 425, 429) or code >= 500:
            return PassingError(f"status {code}", _seconds(error.response.headers.get("retry-after", "")))
        if code in (401, 403):
            return InputError(f"The server refused the key with status {code}; put {KEY} right in the environment.")
        return InputError(f"The server refused the request ({said}); check --base-url and --model.")


class LocalModel:
    """A transformers text-generation model, by its name on the hub or its folder; slow without a GPU.

    Raises:
        InputError: when transformers is not installed, or the model cannot be loaded.
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
        self._options = {"do_sample": True, "max_new_tokens": NEW_TOKENS, "return_full_text": False}
        self._options |= {} if temperature is None else {"temperature": temperature}

    def ask(self, command: str, seed: int) -> str:
        """The model's answer, the same one for the same command and seed."""
        self._set_seed(seed)
        if getattr(self._generate.tokenizer, "chat_template", None):
            prompt = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": command}]
        else:
            prompt = f"{SYSTEM}\n\nCommand: {command}\nSentence:"
        text = self._generate(prompt, **self._options)[0]["generated_text"]
        return text if isinstance(text, str) else text[-1]["content"]


@dataclass(frozen=True)
class Task:
    """One answer that is wanted; `key` names it and seeds what is drawn for it."""

    key: tuple
    command: str


def answers(
    model: Model, tasks: Sequence[Task], jobs: int, retries: int, seed: int, keep: Callable[[Task, str], None]
) -> Iterator[str]:
    """Ask `jobs` commands at a time and give the answers as they come.

    `keep` gets each answer first, one at a time and in the thread that asked, so that none is lost when the listener
    is interrupted. The threads are daemons: nobody who gives up need wait for a stalled server.

    Raises:
        InputError: as soon as one command is refused, or has failed `retries` + 1 times; no other is begun then.
    """
    waiting, done = queue.SimpleQueue(), queue.SimpleQueue()
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
            except BaseException as error:  # told in the listener's thread
                done.put(error)  # before the others stop and have errors of their own
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
    """Ask until there is an answer, with growing pauses; `wait` sleeps and says whether the work was given up."""
    own_seed = zlib.crc32(repr((seed, *task.key)).encode())
    for attempt in range(retries + 1):
        try:
            return model.ask(task.command, own_seed)
        except PassingError as error:
            if attempt == retries:
                raise InputError(
                    f"The model failed {attempt + 1} times on {task.command!r} ({error}); run the same command again "
                    "later to go on from here."
                ) from error
            if wait(pause(attempt, own_seed, error.after)):
                raise StoppedError from error
    raise AssertionError("unreachable")


def pause(attempt: int, seed: int, after: float = 0.0) -> float:
    """Seconds before the next try: doubled each time, half of it drawn at random; never less than the server asks."""
    most = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
    drawn = most * np.random.default_rng([seed, attempt]).uniform(0.5, 1)
    return max(drawn, min(after, LONGEST_RETRY_AFTER))


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.username is not None:
        raise InputError(
            "--base-url is no address such as http://localhost:8000/v1, without a user name or password; correct it."
        )


def _content(reply: object) -> str:
    """The text of a reply, "" when it was cut off at a token limit; PassingError for what is no reply."""
    choices = getattr(reply, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        raise PassingError("an answer without a message")
    content = getattr(message, "content", None)
    if content is not None and not isinstance(content, str):
        raise PassingError("an answer that is no text")
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
