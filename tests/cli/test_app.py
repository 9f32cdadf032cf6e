import subprocess
import sys

HEAVY = "sqlalchemy alembic asyncpg pydantic_settings fastapi uvicorn huggingface_hub xllamacpp"


def test_help_does_not_wait_for_what_only_the_work_needs() -> None:
    code = f"""
import sys
from stellwerk.cli import app
app(["keys", "--help"], standalone_mode=False)
print("loaded:", sorted(set({HEAVY.split()!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert "create" in done.stdout
