"""Letters that are sent after the response: neither how long it takes nor whether it works shows in an answer."""

import queue
import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.core.mail import EmailMessage

log = structlog.get_logger("keyadmin.letters")

#: Letters to be written and sent. While the mail server is away they wait here, and no more than these.
WAITING: Final[queue.Queue[Callable[[], EmailMessage]]] = queue.Queue(maxsize=1000)
_starting: Final = threading.Lock()
_sender: list[threading.Thread] = []


def post(write: Callable[[], EmailMessage]) -> None:
    """Have a thread of this process write the letter and send it; never raises.

    `write` may use neither the request nor the database. A letter that fails, or waits when the process ends, is
    lost: whoever waits for it asks again.
    """
    with _starting:
        if not any(thread.is_alive() for thread in _sender):  # none is after a fork
            _sender[:] = [threading.Thread(target=_send_all, name="letters", daemon=True)]
            _sender[0].start()
    try:
        WAITING.put_nowait(write)
    except queue.Full:
        log.error("letter not sent", error="too many letters wait")  # noqa: TRY400 - there is nothing more to tell


def _send_all() -> Any:
    while True:
        write = WAITING.get()
        try:
            write().send()
        except Exception as error:
            # Its words may hold the address, and its traceback the link.
            log.error("letter not sent", error=type(error).__name__)  # noqa: TRY400
        finally:
            WAITING.task_done()
