"""The engines that this build knows."""

from stellwerk.engines.e5.spec import SPEC as E5
from stellwerk.engines.images.spec import SPEC as IMAGES
from stellwerk.engines.llama.rerank.spec import SPEC as LLAMA_RERANK
from stellwerk.engines.llama.spec import SPEC as LLAMA
from stellwerk.engines.ocr.spec import SPEC as OCR
from stellwerk.engines.pages.spec import SPEC as PAGES
from stellwerk.engines.speech.spec import SPEC as SPEECH
from stellwerk.engines.voice.spec import SPEC as VOICE
from stellwerk.ports.engines import EngineSpec

ALL = (LLAMA, LLAMA_RERANK, E5, SPEECH, VOICE, OCR, PAGES, IMAGES)
SPECS: dict[str, EngineSpec] = {spec.name: spec for spec in ALL}
