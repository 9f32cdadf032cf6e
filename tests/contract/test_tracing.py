"""Traces: a hub that sends its spans to a collector, between a caller and a target with spans."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from tests.faults.upstream import upstream
from tests.faults.upstream_scripts import writes
from tests.scripted import whole
from tests.server import running_server

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ANSWER = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m1","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}'
)
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
MODEL = """
[[models]]
id = "{name}"
upstream = {{ url = "{url}", model = "m1" }}
"""


@dataclass
class Collector:
    """What an OTLP collector was sent."""

    url: str
    spans: list[Sent] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            for group in request.resource_spans:
                attributes = group.resource.attributes
                found.resources.append({one.key: one.value.string_value for one in attributes})
                for scope in group.scope_spans:
                    found.spans.extend(scope.spans)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(span: Sent) -> dict[str, Any]:
    found = {}
    for one in span.attributes:
        kind = one.value.WhichOneof("value")
        assert kind is not None
        found[one.key] = getattr(one.value, kind)
    return found


def test_a_call_is_a_span_between_the_caller_s_and_the_target_s(
    tmp_path: Path, weights: Path
) -> None:
    config = tmp_path / "stellwerk.toml"
    scripts = {"chat": writes(whole(ANSWER)), "broken": writes(BROKEN)}
    with collecting() as collector, upstream(scripts) as places:
        config.write_text(
            "starter_models = false\n"
            + "".join(MODEL.format(name=name, url=place.url) for name, place in places.items())
            + f'[tracing]\nendpoint = "{collector.url}"\n'
        )
        # What was not sent before is sent when the server ends.
        with running_server(weights, STELLWERK_CONFIG=str(config)) as server:
            url = f"{server.url}/v2"
            with OpenAI(api_key=server.admin_key, base_url=url, max_retries=0) as client:
                parent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
                ask: Any = {"messages": [{"role": "user", "content": "Hello"}]}
                client.chat.completions.create(model="chat", extra_headers=parent, **ask)
                with pytest.raises(openai.InternalServerError):
                    client.chat.completions.create(model="broken", **ask)
        good, bad = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
        assert {one["service.name"] for one in collector.resources} == {"stellwerk"}
        assert (good.name, good.trace_id.hex(), good.parent_span_id.hex()) == (
            "chat chat",
            TRACE,
            CALLER,
        )
        told = attributes(good)
        assert told["gen_ai.request.model"] == "chat"
        assert told["gen_ai.usage.input_tokens"] == 7
        assert told["gen_ai.usage.output_tokens"] == 2
        assert told["http.response.status_code"] == 200
        assert good.end_time_unix_nano > good.start_time_unix_nano
        sent = f"traceparent: 00-{TRACE}-{good.span_id.hex()}-01".encode()
        assert sent in places["chat"].heads[0]
        assert bad.trace_id != good.trace_id
        assert attributes(bad)["error.type"] == "502"
        assert bad.status.code == 2
