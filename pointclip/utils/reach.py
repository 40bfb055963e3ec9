"""Whether a server can be reached, in a few seconds."""

import threading
import urllib.error
import urllib.request


def unreachable(url: str, seconds: float) -> str:
    """Why a server cannot be reached within so many seconds, looking up its name included; "" where it can.

    Proxies are taken from the environment, as urllib does.
    """
    reasons: list[str] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            reasons.append("")
        except urllib.error.HTTPError:  # it answers
            reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(str(getattr(error, "reason", error)))

    asking = threading.Thread(target=ask, daemon=True)  # a name's look-up knows no time limit
    asking.start()
    asking.join(seconds)
    return reasons[0] if reasons else f"no answer in {seconds:g} s"
