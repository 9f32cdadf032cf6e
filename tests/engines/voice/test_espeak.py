"""The library in a process of its own: it breaks the one that starts it twice."""

import json
import subprocess
import sys

PROGRAM = """
import json
from stellwerk.engines.voice.espeak import Espeak
espeak = Espeak()
told = {}
for language in espeak.languages:
    sound, _ = espeak.speak("1, 2.", language, 1)
    told[language] = len(sound) / espeak.rate
told["fr"] = espeak.phonemes("Bonjour", "fr")
print(json.dumps(told))
"""


def test_every_language_that_is_offered_is_spoken() -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, check=True)
    told = json.loads(made.stdout)
    # What Piper's configurations name is the library's own name of the voice.
    assert told.pop("fr").startswith("bɔ̃")
    assert {"de", "en-gb", "en-us", "es", "fr-fr", "it", "nl", "pl", "pt", "cmn"} <= told.keys()
    assert len(told) > 100
    assert {language: seconds for language, seconds in told.items() if seconds < 0.3} == {}
