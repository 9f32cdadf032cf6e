import re
from pathlib import Path

import pytest

from stellwerk.base.settings import load_settings
from stellwerk.features.weights.place import State

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "models.md"


def test_examples_of_the_page_are_settings(tmp_path: Path) -> None:
    examples = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    config = tmp_path / "stellwerk.toml"
    config.write_text("\n".join(examples))
    ids = [model.id for model in load_settings(config).models]
    larger = "Qwen2.5-Coder-1.5B-Instruct"
    assert ids == ["my-model", "other-model", larger, "remote-model"]


@pytest.mark.parametrize("state", State)
def test_states_are_explained(state: State) -> None:
    assert f"| `{state}` |" in PAGE.read_text("utf-8")
