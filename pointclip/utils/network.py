"""Whether a server can be reached, in a few seconds."""

import threading
import urllib.error
import urllib.request


def unreachable(url: str, seconds: float) -> str:
    """Why a server cannot be reached within a number of seconds, including DNS look-up; "" if it can.

    Proxies are taken from the environment, as in urllib.
    """
    reasons: list[str] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            reasons.append("")
        except urllib.error.HTTPError:  # it responds
            reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(str(getattr(error, "reason", error)))

    asking = threading.Thread(target=ask, daemon=True)  # a DNS look-up has no timeout
    asking.start()
    asking.join(seconds)
    return reasons[0] if reasons else f"no answer in {seconds:g} s"
