"""The gateways that are measured, each in its fastest honest setup before the same upstream."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.lane.processes import Family

START_LIMIT = 120
KEY = "sk-bench"


@dataclass(frozen=True)
class Gateway:
    """A gateway that listens.

    `settle` is how many seconds it still works for requests that it has answered. A slow one gets
    fewer paced streams at once and a lower `rate` (requests/s), so that it is measured and not
    flooded. `more_lines` counts events that it makes of its own. An `optional` one that
    answers wrongly is left out of the row instead of ending the run.
    """

    name: str
    port: int
    family: Family
    key: str = KEY
    path: str = "/v1/chat/completions"
    settle: float = 0
    streams: int = 256
    rate: int = 150
    more_lines: int = 0
    optional: bool = False


NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_buffer_size 1m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""

LITELLM = """
model_list:
  - model_name: bench
    litellm_params:
      model: openai/mock
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: none
general_settings:
  master_key: {key}
"""


@contextmanager
def nginx(directory: Path, upstream: int) -> Iterator[Gateway]:
    """A plain proxy: no key, no model, no limit, no count."""
    port = free_port()
    config = directory / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX.format(directory=directory, upstream=upstream, port=port, user=user))
    command = [_nginx_program(), "-p", str(directory), "-c", str(config), "-e", "stderr"]
    with _running(command, port) as family:
        yield Gateway("nginx", port, family)


@contextmanager
def litellm(directory: Path, upstream: int, peers: Path) -> Iterator[Gateway]:
    port = free_port()
    config = directory / "litellm.yaml"
    config.write_text(LITELLM.format(upstream=upstream, key=KEY))
    settings = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [str(peers / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    with _running(command, port, settings) as family:
        # It tells the reason of the end in an event of its own.
        yield Gateway("LiteLLM", port, family, streams=4, rate=20, more_lines=1, optional=True)


@contextmanager
def vllm_router(upstream: int, peers: Path) -> Iterator[Gateway]:
    port, metrics = free_port(), free_port()
    command = [str(peers / "vllm-router"), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--worker-urls", f"http://127.0.0.1:{upstream}", "--log-level", "error"]
    command += ["--prometheus-port", str(metrics)]
    with _running(command, port) as family:
        yield Gateway("vllm-router", port, family, optional=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _nginx_program() -> str:
    # Debian puts it where only root's PATH looks.
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit("nginx is what the lane is measured against: apt-get install nginx-light")
    return found


@contextmanager
def _running(
    command: list[str], port: int, settings: Mapping[str, str] | None = None
) -> Iterator[Family]:
    """`command` as a child process that listens on `port`; it is ended with all its children."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(settings or {})},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    family = Family(process.pid)
    try:
        _await_port(process, port)
        yield family
    finally:
        members = family.members()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for member in members:
            if member.is_running():
                member.kill()


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} does not listen")
