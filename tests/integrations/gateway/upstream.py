"""An API behind a gateway that returns the headers of each request as received, and echoes a WebSocket.

python -m tests.integrations.gateway.upstream PORT
"""

import json
import sys
from base64 import b64encode
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.headers.get("Upgrade") == "websocket" and self.headers.get("Connection", "").lower() == "upgrade":
            self.echo()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = {
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode("latin-1"),
        }
        content = json.dumps(said).encode()
        if self.path.endswith("/hang-up"):
            self.close_connection = True
            return
        self.send_response(500 if self.path.endswith("/broken") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "public, max-age=60")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def echo(self) -> None:
        """Accept the upgrade, and send back every byte."""
        digest = sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")  # noqa: S324
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(digest.digest()).decode())
        self.end_headers()
        while data := self.rfile.read1(1 << 16):
            self.wfile.write(data)
        self.close_connection = True

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = do_TRACE = answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        sys.stderr.write(f"{self.command} {self.path}\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
