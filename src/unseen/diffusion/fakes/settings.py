"""Settings of sets of fakes that a diffusion model makes of real faces."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from unseen.core.settings import DataFolder, Group, HubFolder, Name, Role, Settings
from unseen.diffusion.fakes.prompts import fields_of

OptionalWeights = Annotated[str, StringConstraints(pattern=r"^(none|(hub|assets)/[a-z0-9][a-z0-9_]*)$")]
"""A folder of weights below models, or `none`."""

VGG19 = (
    "add `vgg19: {repo: timm/vgg19.tv_in1k, revision: COMMIT, files: [model.safetensors]}` to `hub` and set "
    "`gram_weights: hub/vgg19`"
)
"""How to get the weights of the Gram gate."""


class GramSettings(Settings):
    """The Gram gate: a picture whose style is too far from its real is made again (study D)."""

    threshold: float | None = Field(
        None, gt=0, description="largest Gram distance that is accepted; none: from `quantile`"
    )
    quantile: float = Field(
        0.95,
        gt=0,
        le=1,
        description="without `threshold`: this quantile of the distances between reals of different people",
    )
    reference: int = Field(256, ge=2, description="pairs of reals from which the quantile is computed, at most")
    retries: int = Field(2, ge=0, le=100, description="times that a picture is made again, at most")
    sentence: str = Field(
        "This face image should be similar to the initial image",
        description="added to the prompt when a picture is made again",
    )
    keep: Literal["best", "drop"] = Field(
        "best", description="if no try is accepted: keep the nearest one, or drop the picture"
    )
    side: int = Field(224, ge=16, le=1024, description="pixels at which the network sees both pictures")


class DiffuseSettings(Settings):
    """A set of fakes, each made of a real face by a diffusion model."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train`: for training and evaluation; `held_out`: for evaluation only")
    of: DataFolder = Field(description="folder of real faces below data, a group or one set, to make fakes of")
    captions: Name = Field(
        description="key below `captions`, for `{caption}` and attributes of the prompt, or `none`"
    )
    model: HubFolder = Field(description="folder of a diffusers pipeline below models, such as `hub/sd_turbo`")
    mode: Literal["text_to_image", "image_to_image"] = Field(
        "text_to_image", description="from the prompt alone, or from the real face and the prompt"
    )
    prompt: str = Field(
        min_length=1, description="a template with `{caption}` and names of attributes, such as `{gender}`"
    )
    negative_prompt: str = Field("", description="what a picture should not show; needs guidance above 1")
    steps: int = Field(25, ge=1, le=1000, description="denoising steps")
    guidance: float = Field(7.5, ge=0, le=100, description="classifier-free guidance; 0 for turbo models")
    strength: float = Field(
        0.5, gt=0, le=1, description="for image_to_image: share of the steps that is run, from the noised real"
    )
    side: int = Field(512, ge=16, le=2048, multiple_of=8, description="pixels of a made picture's side")
    scheduler: str = Field(
        "own",
        pattern=r"^(own|[A-Z][A-Za-z0-9]*Scheduler)$",
        description="diffusers' class, such as `DDIMScheduler`, or the model's own",
    )
    dtype: Literal["float32", "float16", "bfloat16"] = Field(
        "float32", description="of weights and computation on a GPU; the CPU always takes float32"
    )
    batch: int = Field(4, ge=1, le=1024, description="pictures in a call on a GPU, and in a block of the checkpoint")
    offload: Literal["none", "model", "sequential"] = Field(
        "none",
        description="on a GPU: keep parts of the pipeline in CPU memory, which saves memory and takes time",
    )
    vae_slicing: bool = Field(False, description="decode one picture at a time, which saves GPU memory")
    vae_tiling: bool = Field(False, description="decode large pictures in tiles; changes pixels near their edges")
    safety_checker: Literal["none", "drop"] = Field(
        "none", description="`drop`: run the model's safety checker and drop what it flags"
    )
    gram: GramSettings | None = Field(None, description="the Gram gate; null: none")
    gram_weights: OptionalWeights = Field(description="folder of VGG-19's weights for the Gram gate, or `none`")

    @model_validator(mode="after")
    def _fits(self) -> "DiffuseSettings":
        fields_of(self.prompt)
        if self.mode == "image_to_image" and int(self.steps * self.strength) < 1:
            raise ValueError(
                f"int(steps x strength) = int({self.steps} x {self.strength}) steps are run, which is none; "
                "raise `steps` or `strength`"
            )
        if self.negative_prompt and self.guidance <= 1:
            raise ValueError("`negative_prompt` has no effect with `guidance` of 1 or less; remove one of them")
        if self.gram and self.gram_weights == "none":
            raise ValueError(f"`gram` needs weights of VGG-19, but `gram_weights` is none; {VGG19}")
        if not self.gram and self.gram_weights != "none":
            raise ValueError("`gram_weights` is given, but `gram` is not; add `gram: {}`, or remove the weights")
        return self

    @property
    def generator(self) -> str:
        """The name of the generator in rows: that of the model."""
        return self.model.removeprefix("hub/")
