"""A real S3 server as a child process: SeaweedFS out of a wheel."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

WEED = Path(sys.executable).with_name("weed")
ACCESS, SECRET = "stellwerk", "not-a-secret"
START_LIMIT = 60


@contextmanager
def running_s3(directory: Path) -> Iterator[dict[str, str]]:
    """The options that reach the server; any bucket is made when it is first used."""
    ports = free_ports(4)
    settings = directory / "s3.json"
    credentials = [{"accessKey": ACCESS, "secretKey": SECRET}]
    actions = ["Admin", "Read", "Write", "List"]
    identity = {"name": "tests", "credentials": credentials, "actions": actions}
    settings.write_text(json.dumps({"identities": [identity]}))
    command: list[str | Path] = [
        WEED,
        "server",
        f"-dir={directory}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={ports[0]}",
        f"-volume.port={ports[1]}",
        "-filer",
        f"-filer.port={ports[2]}",
        "-s3",
        f"-s3.port={ports[3]}",
        f"-s3.config={settings}",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=10",
    ]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(ports[3], process)
            yield {
                "endpoint": f"http://127.0.0.1:{ports[3]}",
                "region": "us-east-1",
                "access_key_id": ACCESS,
                "secret_access_key": SECRET,
                "allow_http": "true",
            }
        finally:
            process.kill()
            process.wait()


def free_ports(number: int) -> list[int]:
    """Ports that are free, and whose number plus 10,000 (its gRPC port) is free too."""
    found: list[int] = []
    with ExitStack() as stack:
        port = 20_000
        while len(found) < number:
            port += 1
            try:
                for one in (port, port + 10_000):
                    stack.enter_context(socket.create_server(("127.0.0.1", one)))
            except OSError:
                continue
            found.append(port)
    return found


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the S3 server did not start")
