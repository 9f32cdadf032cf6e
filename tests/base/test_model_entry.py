from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from stellwerk.base.model_entry import ModelEntry, Source, WeightFile

SHA = "0" * 64
HERE = {"path": "/m.gguf"}


def refusal(model: type[Source | WeightFile | ModelEntry], **fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    return str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"hub": "acme/Model-GGUF/model.gguf"},
        {"hub": "acme/Model/sub folder/model-00001-of-2.gguf"},
        {"wheels": ["acme==1.0", "acme_b.c-d==2!1.0.post1+local"], "member": "*.bin"},
        {"path": "/models/model.gguf"},
        {"path": "~/model.gguf"},
    ],
)
def test_sources(fields: dict[str, Any]) -> None:
    assert Source.model_validate(fields).label


@pytest.mark.parametrize("fields", [{}, {"hub": "a/b/c", "path": "/c"}, {"hub": ""}])
def test_a_source_is_one_place(fields: dict[str, Any]) -> None:
    assert "hub" in refusal(Source, **fields)


def test_wheels_and_member_go_together() -> None:
    assert "go together" in refusal(Source, wheels=["acme==1.0"])
    assert "go together" in refusal(Source, path="/m", member="*")


@pytest.mark.parametrize("wheel", ["acme", "acme>=1.0", "acme==1.*", "--pre", "-r==1.0", "a==1 b"])
def test_wheels_are_pinned(wheel: str) -> None:
    said = refusal(Source, wheels=[wheel], member="*")
    assert f"{wheel!r} is not of the form name==version" in said


@pytest.mark.parametrize(
    "hub", ["acme/model", "acme", "a/b/../c", "a/b/", "a/b/c?d", "https://h/x"]
)
def test_hub_files_have_three_parts(hub: str) -> None:
    assert "owner/repository/path/in/it" in refusal(Source, hub=hub)


def test_path_does_not_depend_on_where_one_stands() -> None:
    assert "working directory" in refusal(Source, path="model.gguf")


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "-x", "a b", "m.gguf.part", "m.sha256", "ü.gguf"]
)
def test_file_names_stay_in_the_directory(name: str) -> None:
    assert "must consist of letters" in refusal(WeightFile, name=name, sources=[HERE])


def test_a_file_has_a_source_and_a_whole_hash() -> None:
    assert "sources" in refusal(WeightFile, name="m.gguf", sources=[])
    assert "sha256" in refusal(WeightFile, name="m.gguf", sources=[HERE], sha256=SHA[1:])
    file = WeightFile.model_validate({"name": "m-1+b_2.gguf", "sources": [HERE], "sha256": SHA})
    assert (file.name, file.sha256) == ("m-1+b_2.gguf", SHA)


def test_one_place_to_run() -> None:
    upstream = {"url": "https://host/v1"}
    assert "engine, upstream or targets" in refusal(ModelEntry, id="m")
    assert "engine and upstream" in refusal(ModelEntry, id="m", engine="llama", upstream=upstream)
    one = ModelEntry.model_validate({"id": "m", "upstream": upstream, "targets": [upstream]})
    assert [target.label for target in one.upstreams] == ["host", "host"]
    both = ModelEntry.model_validate({"id": "m", "engine": "llama", "targets": [upstream]})
    assert len(both.upstreams) == 1


def test_a_target_has_one_key_and_no_other_in_its_url() -> None:
    target = {"url": "https://host/v1", "api_key_env": "A", "api_key_file": "/b"}
    assert "only one of" in refusal(ModelEntry, id="m", targets=[target])
    target = {"url": "https://user:word@host/v1"}
    assert "no user" in refusal(ModelEntry, id="m", targets=[target])


def test_upstreams_are_http_and_have_no_files() -> None:
    assert "url" in refusal(ModelEntry, id="m", upstream={"url": "ftp://host/v1"})
    file = {"name": "m.gguf", "sources": [HERE]}
    said = refusal(ModelEntry, id="m", upstream={"url": "https://host/v1"}, files=[file])
    assert "files are for a local engine" in said


def test_file_names_are_unique() -> None:
    file = {"name": "m.gguf", "sources": [HERE]}
    assert "same name" in refusal(ModelEntry, id="m", engine="llama", files=[file, file])


def test_unknown_fields_are_refused() -> None:
    assert "sha265" in refusal(WeightFile, name="m.gguf", sources=[HERE], sha265=SHA)


def test_survives_the_way_through_json() -> None:
    entry = ModelEntry.model_validate(
        {"id": "m", "engine": "llama", "files": [{"name": "m.gguf", "sources": [HERE]}]}
    )
    assert ModelEntry.model_validate_json(entry.model_dump_json()) == entry


UPSTREAM = {"url": "https://host/v1"}
DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    "fields",
    [
        {"aliases": ["\0"]},
        {"aliases": ["a\ud800"]},
        {"aliases": ["a\nb"]},
        {"aliases": ["a" * 201]},
        {"options": {"a": "\0"}},
        {"options": {"a": ["\ud800"]}},
        {"options": {"\ud800": 1}},
        {"options": {"a": float("nan")}},
        {"options": {"a": {"b": float("inf")}}},
        {"options": {"a": 2**63}},
        {"options": {"a": "x" * 70_000}},
        {"options": {"a": date(2026, 1, 1)}},
        {"options": DEEP},
        {"meta_data": {"license": "\ud800"}},
        {"meta_data": {"display_name": "\0"}},
        {"meta_data": {"max_sequence_length": 2**31}},
        {"meta_data": {"hidden_size": float("inf")}},
        {"upstream": {**UPSTREAM, "model": "\0"}},
        {"upstream": {**UPSTREAM, "api_key_env": "A=B"}},
        {"upstream": {**UPSTREAM, "api_key_env": ""}},
    ],
)
def test_what_cannot_be_kept_or_sent_is_refused(fields: dict[str, Any]) -> None:
    [place] = fields
    assert place in refusal(ModelEntry, **{"id": "m", "upstream": UPSTREAM, **fields})


def test_file_names_fit_into_a_directory() -> None:
    assert "name" in refusal(WeightFile, name="m" * 201, sources=[HERE])


def test_options_of_every_json_type() -> None:
    options = {"a": [1, 2.5, None, True, {"text": "one\ntwo"}]}
    entry = ModelEntry.model_validate({"id": "m", "upstream": UPSTREAM, "options": options})
    assert entry.options == options
