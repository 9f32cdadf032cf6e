"""The documented snippets, as they stand but for host, key and model names."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.conftest import CHAT, EMBEDDING, SPEECH, STARTERS, TINY
from tests.server import Server
from tests.sound import encoded, spoken

SEEDS = Path(__file__).parent / "seeds"
HOST = "https://llm-server.llmhub.t-systems.net"
MODELS = {
    "Llama-3.3-70B-Instruct": TINY,
    "jina-embeddings-v2-base-de": EMBEDDING,
    "gpt-4-turbo-128k-france": CHAT,
}


def snippet(server: Server, name: str) -> str:
    text = (SEEDS / name).read_text().replace(HOST, server.url)
    if name != "chat.py":
        # Where the snippet sets no limit, or no template, the tiny model rambles or says nothing.
        text = text.replace("Llama-3.3-70B-Instruct", CHAT)
    for documented, ours in MODELS.items():
        text = text.replace(documented, ours)
    return text


def run(server: Server, *names: str) -> str:
    program = "\n".join(snippet(server, name) for name in names)
    command = ["bash", "-c"] if names[0].endswith(".sh") else [sys.executable, "-c"]
    return execute(server, [*command, program])


def execute(server: Server, command: list[str]) -> str:
    environment = {
        **os.environ,
        "API_KEY": server.admin_key,
        "OPENAI_API_KEY": server.admin_key,
        "API_BASE": f"{server.url}/v2",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def after_list(output: str) -> str:
    """What was printed after the list of models that every snippet starts with."""
    return output.split(STARTERS[-1] + "\n", 1)[1]


def test_models_are_listed(server: Server) -> None:
    assert run(server, "connect.py").splitlines() == [
        "==========Available models==========",
        *STARTERS,
    ]


def test_meta_data(server: Server) -> None:
    program = snippet(server, "connect.py") + f"\nprint({snippet(server, 'meta_data.py')})"
    meta_data = ast.literal_eval(after_list(execute(server, [sys.executable, "-c", program])))
    assert meta_data["max_sequence_length"] == 8_192
    assert meta_data["hidden_size"] == 0
    assert "max_output_length" in meta_data


def test_a_chat_is_streamed(server: Server) -> None:
    assert len(after_list(run(server, "connect.py", "chat.py")).split()) > 10


def test_a_completion_is_streamed(server: Server) -> None:
    # To a bare question the small models add nothing: their next token ends the text.
    assert after_list(run(server, "connect.py", "completion.py")) is not None


def test_embeddings(server: Server) -> None:
    lines = after_list(run(server, "connect.py", "embedding.py")).splitlines()
    assert lines[0].split()[-1] == "384"
    assert lines[1].split()[-1] == "5"
    assert lines[2].startswith("Token usage:  Usage(prompt_tokens=")


def test_audio_models(server: Server) -> None:
    assert run(server, "audio_models.py") == f"{SPEECH}\n"


@pytest.mark.parametrize(
    ("name", "task"),
    [("audio_transcription.py", "transcribe"), ("audio_translation.py", "translate")],
)
def test_audio(server: Server, tmp_path: Path, name: str, task: str) -> None:
    recording = tmp_path / "recording.mp3"
    said = "Eine kleine Katze sitzt auf dem Tisch und trinkt Milch."
    recording.write_bytes(encoded(spoken(said, "de"), "mp3"))
    text = snippet(server, name).replace("/path/to/audio_file.mp3", str(recording))
    output = execute(server, [sys.executable, "-c", text])
    assert f"task='{task}'" in output
    assert "duration=3." in output
    if task == "transcribe":
        assert "Katze" in output


def test_function_calling(server: Server) -> None:
    output = after_list(run(server, "connect.py", "function_calling.py"))
    assert "name='get_current_weather'" in output
    assert "Hamburg" in output
    assert "content=None" in output


def test_curl(server: Server) -> None:
    assert '"object":"chat.completion"' in run(server, "chat.sh")
