"""What was heard, in the form that was asked for."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from stellwerk.engines.speech.job import Job
from stellwerk.engines.speech.listener import Heard, Progress
from stellwerk.wire.audio import (
    Segment,
    TextDelta,
    TextDone,
    Transcription,
    TranscriptUsage,
    Word,
    WordLogprob,
)

JSON, TEXT = "application/json", "text/plain"
LEAST_PROBABILITY = 1e-10


@dataclass(slots=True)
class Transcript:
    """The answer as it grows."""

    job: Job
    progress: Progress
    segments: list[Heard] = field(default_factory=list)

    def add(self, heard: Heard) -> TextDelta:
        """Take in a segment; gives what it adds to the text."""
        before = bool(self.segments)
        self.segments.append(heard)
        text: str = heard.segment.text
        return TextDelta(
            delta=text if before else text.lstrip(),
            logprobs=_logprobs([heard]) if self.job.logprobs else None,
            usage=self._usage(heard.end),
        )

    @property
    def text(self) -> str:
        return "".join(heard.segment.text for heard in self.segments).strip()

    def body(self) -> tuple[bytes, str]:
        """Bytes and their content type."""
        if self.job.form == "text":
            return (self.text + "\n").encode(), TEXT
        if self.job.form == "srt":
            return self._subtitles(",", numbered=True).encode(), TEXT
        if self.job.form == "vtt":
            return ("WEBVTT\n\n" + self._subtitles(".", numbered=False)).encode(), TEXT
        return msgspec.json.encode(self._json()), JSON

    def done(self) -> TextDone:
        return TextDone(text=self.text, logprobs=self._all_logprobs(), usage=self.usage)

    @property
    def usage(self) -> TranscriptUsage:
        return self._usage(self.progress.duration)

    def _json(self) -> Transcription:
        verbose = self.job.form == "verbose_json"
        return Transcription(
            text=self.text,
            task=self.job.task,
            language=self.progress.language or "en",
            duration=round(self.progress.duration, 3),
            usage=self.usage,
            logprobs=self._all_logprobs(),
            segments=self._segments() if verbose and self.job.segments else None,
            words=self._words() if verbose and self.job.words else None,
        )

    def _usage(self, seconds: float) -> TranscriptUsage:
        tokens = sum(len(heard.segment.tokens) for heard in self.segments)
        return TranscriptUsage(
            type="duration" if self.job.form == "verbose_json" else "tokens",
            seconds=math.ceil(seconds),
            output_tokens=tokens,
            completion_tokens=tokens,
            total_tokens=tokens,
        )

    def _segments(self) -> list[Segment]:
        return [
            Segment(
                id=number,
                seek=int(heard.segment.seek),
                start=heard.start,
                end=heard.end,
                text=heard.segment.text,
                tokens=[int(token) for token in heard.segment.tokens],
                temperature=float(heard.segment.temperature),
                avg_logprob=float(heard.segment.avg_logprob),
                compression_ratio=float(heard.segment.compression_ratio),
                no_speech_prob=float(heard.segment.no_speech_prob),
            )
            for number, heard in enumerate(self.segments)
        ]

    def _words(self) -> list[Word]:
        return [word for heard in self.segments for word in heard.words]

    def _all_logprobs(self) -> list[WordLogprob] | None:
        return _logprobs(self.segments) if self.job.logprobs else None

    def _subtitles(self, point: str, *, numbered: bool) -> str:
        cues = []
        for number, heard in enumerate(self.segments, 1):
            times = f"{clock(heard.start, point)} --> {clock(heard.end, point)}"
            # A blank line would end the cue, and an arrow would be read as its times.
            text = " ".join(heard.segment.text.split()).replace("-->", "->")
            cues.append(f"{number}\n{times}\n{text}\n" if numbered else f"{times}\n{text}\n")
        return "\n".join(cues)


def _logprobs(segments: Iterable[Heard]) -> list[WordLogprob]:
    return [
        WordLogprob(
            token=word.word,
            logprob=math.log(max(float(word.probability), LEAST_PROBABILITY)),
            bytes=list(word.word.encode()),
        )
        for heard in segments
        for word in heard.segment.words or []
    ]


def clock(seconds: float, point: str) -> str:
    """`01:02:03,004`."""
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def event(of: TextDelta | TextDone) -> bytes:
    return b"data: " + msgspec.json.encode(of) + b"\n\n"
