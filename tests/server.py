"""`stellwerk serve` as a child process, for tests that need all of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "stellwerk")
START_LIMIT, STOP_LIMIT = 120, 60


@dataclass
class Server:
    """A server that runs: where it answers, its first key, and its process."""

    url: str
    admin_key: str
    data_dir: Path
    process: "subprocess.Popen[str]"
    output: list[str]
    reader: threading.Thread

    def command(self, *arguments: str) -> str:
        """Run `stellwerk ARGUMENTS` on the same data directory and give what it prints."""
        environment = {**os.environ, "STELLWERK_DATA_DIR": str(self.data_dir)}
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_LIMIT)
        self.reader.join(STOP_LIMIT)
        return status

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join(STOP_LIMIT)


def reachable_directory() -> Path:
    """A fresh directory that the account of the embedded PostgreSQL can enter."""
    directory = Path(tempfile.mkdtemp(prefix="stellwerk-test-"))
    directory.chmod(0o711)
    return directory


def start_server(data_dir: Path, weights: Path, **settings: str) -> Server:
    """Start a server on a free port and wait until it says where it answers."""
    environment = {
        **os.environ,
        "STELLWERK_DATA_DIR": str(data_dir),
        "STELLWERK_WEIGHTS_DIR": str(weights),
        **settings,
    }
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output: list[str] = []
    ready = threading.Event()
    reader = threading.Thread(target=_collect, args=(process, output, ready), daemon=True)
    reader.start()
    assert ready.wait(START_LIMIT), "".join(output)
    text = "".join(output)
    address = re.search(r"http://\S+?(?=/v2)", text)
    assert address, text
    key = re.search(r"stw-\w{48}", text)
    return Server(address[0], key[0] if key else "", data_dir, process, output, reader)


def _collect(process: "subprocess.Popen[str]", output: list[str], ready: threading.Event) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            output.append(line)
            if "/v2" in line and "http://" in line:
                ready.set()
    ready.set()


@contextmanager
def running_server(weights: Path, **settings: str) -> Iterator[Server]:
    """A server on a fresh data directory; it must end cleanly."""
    data_dir = reachable_directory()
    server = start_server(data_dir, weights, **settings)
    try:
        yield server
        assert server.stop() == 0, "".join(server.output)
    finally:
        server.kill()
        shutil.rmtree(data_dir, ignore_errors=True)
