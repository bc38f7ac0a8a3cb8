"""Start `modelworks serve` on a free port, ask it one question over HTTP, stop it. Prints question and answer."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(url: str, server: subprocess.Popen, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit("the server did not become ready")


def main() -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(["modelworks", "serve", "--port", str(port)], stdout=sys.stderr)
    try:
        wait(f"{base}/v2/health/ready", server)
        body = json.dumps({"text": sys.argv[1]}).encode()
        request = urllib.request.Request(f"{base}/predict", body, {"Content-Type": "application/json"})
        print(f"POST /predict {body.decode()}")
        print(json.dumps(json.load(urllib.request.urlopen(request, timeout=10)), ensure_ascii=False))
    finally:
        server.terminate()
        server.wait(15)


if __name__ == "__main__":
    main()
