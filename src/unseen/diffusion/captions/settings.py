"""Settings of the block `captions`: texts that describe real faces, for prompts."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from unseen.core.settings import DataFolder, HubFolder, Key, Name, OptionalHubFolder, Settings

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

ATTRIBUTES: dict[str, dict[str, str]] = {
    "gender": {"man": "a photo of a man", "woman": "a photo of a woman"},
    "age": {
        "8": "a photo of a child",
        "16": "a photo of a teenager",
        "25": "a photo of a person in their twenties",
        "35": "a photo of a person in their thirties",
        "50": "a photo of a middle-aged person",
        "70": "a photo of an old person",
    },
    "group": {
        "white": "a photo of the face of a white person",
        "black": "a photo of the face of a black person",
        "east asian": "a photo of the face of an East Asian person",
        "south asian": "a photo of the face of a South Asian person",
        "middle eastern": "a photo of the face of a Middle Eastern person",
        "latino": "a photo of the face of a Latino person",
    },
    "emotion": {
        "neutral": "a photo of a face with a neutral expression",
        "happy": "a photo of a happy, smiling face",
        "sad": "a photo of a sad face",
        "angry": "a photo of an angry face",
        "surprised": "a photo of a surprised face",
        "afraid": "a photo of a frightened face",
        "disgusted": "a photo of a disgusted face",
    },
}
"""Attributes of study D's prompts, their values as a prompt says them, and the texts that a face is compared with."""


def _default(knobs: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {} if knobs.get("attribute_model") == "none" else ATTRIBUTES


class CaptionSettings(Settings):
    """A table with a caption of every face of some sets, and attributes that a second model has guessed."""

    of: DataFolder = Field(description="folder of real faces below data, a group or one set")
    model: HubFolder = Field(description="folder of a caption model: BLIP, or ViT-GPT2 as in study D")
    attribute_model: OptionalHubFolder = Field(
        description="folder of a CLIP, SigLIP or SigLIP 2 model that guesses attributes, or `none`"
    )
    prefix: str = Field("", description="beginning of each caption, such as `a photo of`; BLIP only")
    max_new_tokens: int = Field(30, ge=1, le=500, description="tokens of a caption at most, without the prefix")
    num_beams: int = Field(1, ge=1, le=64, description="width of the beam search; 1: greedy")
    batch: int = Field(16, ge=1, le=4096, description="faces at a time")
    attributes: dict[Name, dict[Key, Text]] = Field(
        default_factory=_default,
        description="attribute: value: text that a face with this value is nearest to; study D's by default",
    )

    @model_validator(mode="after")
    def _fits(self) -> "CaptionSettings":
        from unseen.data.face_rows import ZERO_SHOT  # imports pyarrow, which a check without captions does not need

        if self.attribute_model == "none" and self.attributes:
            raise ValueError("`attributes` are guessed by a model, but `attribute_model` is none; name one")
        if self.attribute_model != "none" and not self.attributes:
            raise ValueError("`attribute_model` guesses `attributes`, but there are none; set it to none")
        for name, values in self.attributes.items():
            if name.startswith(ZERO_SHOT) or name == "caption":
                raise ValueError(f"`attributes.{name}`: name it without `{ZERO_SHOT}`, and not `caption`")
            if len(values) < 2:
                raise ValueError(f"`attributes.{name}` needs two values or more to choose from")
        return self
