#!/usr/bin/env python3
"""Serves the files of www/ on 127.0.0.1, and its own health as JSON under /health.

The port is that of the variable PORT, else 8137. When it is taken the program says so and
ends with 1: whoever supervises it tries again.
"""

import errno
import json
import os
import signal
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STARTED = time.monotonic()

# Written by web/prepare: the directories of all bots lie side by side.
MACHINE = Path(os.environ.get("TROUPE_BOT_DIR", "/nonexistent")).parent / "prepare.0/machine.html"


class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def add(self):
        with self.lock:
            self.value += 1
            return self.value


REQUESTS = Counter()


class Handler(SimpleHTTPRequestHandler):
    timeout = 10  # a client that sends nothing holds its thread no longer

    def __init__(self, *args, **kwargs):
        super().__init__(*args, directory=str(Path(__file__).parent / "www"), **kwargs)

    def do_GET(self):
        count = REQUESTS.add()
        if self.path == "/health":
            body = json.dumps({"status": "ok", "uptime_s": round(time.monotonic() - STARTED, 1),
                               "requests": count}).encode()
            self.send("application/json", body)
        elif self.path == "/machine.html" and MACHINE.is_file():
            self.send("text/html", MACHINE.read_bytes())
        else:
            super().do_GET()

    def send(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        if self.path != "/health":
            print(f"{self.client_address[0]} {format % args}", flush=True)


def main():
    port = int(os.environ.get("PORT", "8137"))
    ThreadingHTTPServer.daemon_threads = True
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"port {port} is in use: change PORT in web/group.json", file=sys.stderr)
        return 1
    # shutdown() waits for the loop, so it must not be called from the thread that runs it.
    signal.signal(signal.SIGTERM,
                  lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"serving http://127.0.0.1:{port}/", flush=True)
    with server:
        server.serve_forever()
    print(f"served {REQUESTS.value} requests", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
