"""The knobs of a detector, and of the frozen numbers that come with it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unseen.core.settings import DataFolder, Name, Settings

Share = Annotated[float, Field(ge=0, le=1)]

Backbone = Annotated[str, Field(pattern=r"^\w+(\.\w+)?$", description="timm's name; a tag after a dot is for `hub`")]

InputSize = Annotated[int, Field(ge=32, le=512, multiple_of=32)]


class TrainOn(Settings):
    """Which folders below data a detector sees, groups or single sets; all in them must be `use: train`."""

    reals: DataFolder
    fakes: DataFolder


class AugmentSettings(Settings):
    """Training pictures, real and fake alike, are mirrored, and changed in these ways, each with a probability of its
    own (Wang et al. 2020, arXiv 1912.11035: without blur and JPEG a detector is at chance on generators it has not
    seen). What is not named is not done."""

    turn: Share = Field(0.0, description="probability of a turn by 90, 180 or 270 degrees")
    move: Share = Field(0.0, description="probability of a small turn and a shift; the edge is filled by its mirror")
    move_degrees: float = Field(15.0, ge=0, le=45, description="largest turn, either way")
    move_shift: float = Field(0.1, ge=0, le=0.2, description="largest shift, in units of the picture's side")
    jitter: Share = Field(0.0, description="probability of another brightness, contrast, saturation and hue")
    jitter_strength: Share = Field(0.2, description="largest share by which each changes; hue by a quarter of it")
    resize: Share = Field(0.0, description="probability of a way down to a smaller size and back up")
    resize_low: float = Field(0.5, gt=0, le=1, description="smallest size, in units of the picture's side")
    blur: Share = Field(description="probability of a Gaussian blur")
    blur_sigma: float = Field(ge=0, le=10, description="pixels; sigma is drawn evenly from [0, this]")
    noise: Share = Field(0.0, description="probability of Gaussian noise")
    noise_sigma: float = Field(8.0, ge=0, le=64, description="of 255; sigma is drawn evenly from [0, this]")
    jpeg: Share = Field(description="probability of another JPEG encode")
    jpeg_low: int = Field(ge=1, le=95, description="quality is drawn evenly from [this, 95]")
    cutout: Share = Field(0.0, description="probability of a grey square somewhere")
    cutout_side: Share = Field(0.4, description="its largest side, in units of the picture's")


class MixSettings(Settings):
    """Fakes that are real in part: a twin is mixed with its real and stays a fake (Chen et al. 2025, arXiv
    2505.14359). Needs `paired`."""

    pixels: Share = Field(description="probability that pixels are averaged")
    frequencies: Share = Field(description="probability that cosine coefficients are exchanged at random")
    most: Share = Field(description="the real's share is drawn evenly from [0, this]")


class ElaSettings(Settings):
    """Error level analysis: a network sees the difference between a picture and its re-saved JPEG (Krawetz 2007)."""

    quality: int = Field(ge=1, le=100, description="of the re-saved JPEG")
    scale: float = Field(gt=0, le=255, description="the difference is multiplied by it, and cut at 255")


class FittedSettings(Settings):
    """What every detector says."""

    kind: str
    weights: str = Field(
        pattern=r"^(none|hub|(assets|gans)/[a-z0-9_]+)$",
        description="folder below models that training starts from; or `hub` for timm's own; or `none`, untrained",
    )
    train_on: TrainOn
    seed: int = Field(0, ge=0, description="added to the run's: another start and order on the same people")


class NetworkSettings(FittedSettings):
    """A neural detector, fitted by gradient descent on balanced batches."""

    kind: Literal["efficientnet_lite0", "inception_resnet_v2", "resnet50_two_phase"] = Field(
        description="file below src/unseen/detectors"
    )
    input_size: InputSize = Field(description="pixels the network sees; crops are resized")
    ela: ElaSettings | None = Field(None, description="the network sees the error levels and not the picture")
    dropout: float = Field(0.0, ge=0, lt=1, description="before the last layer")
    steps: int = Field(ge=1, description="optimizer steps, at most")
    frozen_steps: int = Field(ge=0, description="first steps, in which only the head's weights are trained")
    frozen_learning_rate: float | None = Field(None, gt=0, lt=1, description="of those steps, where it is another")
    batch: int = Field(ge=2, multiple_of=2, description="pictures a step, over all GPUs, half of them real")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="sgd has a momentum of 0.9")
    learning_rate: float = Field(gt=0, lt=1)
    schedule: Literal["cosine", "constant", "plateau"] = Field(
        "cosine", description="to 0 over all steps; or ten times lower after each `patience` / 2 validations in vain"
    )
    weight_decay: float = Field(ge=0, lt=1)
    validate_every: int = Field(ge=1, description="steps; the weights with the lowest validation loss are kept")
    patience: int = Field(
        0, ge=0, description="validations in vain, after the frozen steps, after which training ends; 0 for never"
    )
    paired: bool = Field(False, description="a fake that is a real's twin stands in a batch with that real")
    mix: MixSettings | None = None
    augment: AugmentSettings

    @model_validator(mode="after")
    def _consistent(self) -> "NetworkSettings":
        if self.schedule == "plateau" and self.patience < 2:
            raise ValueError("`schedule: plateau` needs a `patience` of 2 or more")
        if self.frozen_learning_rate is not None and not self.frozen_steps:
            raise ValueError("`frozen_learning_rate` is of the `frozen_steps`, and there are none")
        if self.mix and not self.paired:
            raise ValueError("`mix` mixes a fake with its real: it needs `paired: true`")
        if self.kind == "inception_resnet_v2" and self.input_size < 96:
            raise ValueError("`kind: inception_resnet_v2` needs an `input_size` of 96 or more")
        if self.kind == "resnet50_two_phase" and not 0 < self.frozen_steps < self.steps:
            raise ValueError("`kind: resnet50_two_phase` has two phases: `frozen_steps` of 1 or more, below `steps`")
        return self


class LastLayersSettings(NetworkSettings):
    """A network of which only the last layers may learn."""

    kind: Literal["mobilenet_v1", "densenet121"] = Field(  # type: ignore[assignment]
        description="file below src/unseen/detectors"
    )
    last_layers: int | None = Field(
        None, ge=1, description="layers at the backbone's end that learn after the frozen steps, as Keras counts them"
    )


class SingleCenterSettings(Settings):
    """A further loss that draws reals to a learned center and pushes fakes off it (Li et al. 2021, CVPR)."""

    weight: float = Field(gt=0, description="beside the log loss, which weighs 1")
    margin: float = Field(ge=0, description="in units of the square root of the number of features; theirs is 0.3")


class VitLoraSettings(NetworkSettings):
    """A vision transformer with low-rank adapters on its `qkv` layers; nothing else but the head is trained."""

    kind: Literal["vit_lora"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    backbone: str = Field("vit_base_patch16_224", pattern=r"^vit_[a-z0-9_.]+$", description="timm's name of a ViT")
    rank: int = Field(16, ge=1, le=256, description="of what is added to a layer's weights")
    alpha: int = Field(32, ge=1, description="what is added is multiplied by alpha / rank")
    lora_dropout: float = Field(0.1, ge=0, lt=1, description="before the adapters")
    single_center: SingleCenterSettings | None = None


class DiscriminatorSettings(NetworkSettings):
    """A GAN's discriminator with a new head."""

    kind: Literal["discriminator"] = Field(  # type: ignore[assignment]
        description="file below src/unseen/detectors"
    )
    last_layers: int | None = Field(
        None, ge=1, description="convolutions at the end that learn after the frozen steps, and what follows them"
    )

    @model_validator(mode="after")
    def _as_its_gan_made_it(self) -> "DiscriminatorSettings":
        if self.ela or self.dropout:
            raise ValueError("`kind: discriminator` sees what its GAN made, as it is: no `ela`, no `dropout`")
        return self


class RawDiscriminatorSettings(FittedSettings):
    """A GAN's discriminator as it was left, of which nothing is fitted but temperature and threshold."""

    kind: Literal["raw_discriminator"] = Field(description="file below src/unseen/detectors")


class XceptionFairSettings(NetworkSettings):
    """Xception that is to be as good for every group of people. Weights of losses are beside the log loss, which
    weighs 1; defaults are those of the code that Lin et al. (2024, CVPR) published."""

    kind: Literal["xception_fair"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    input_size: int = Field(ge=64, le=512, multiple_of=32, description="pixels the network sees")
    groups: list[Name] = Field(min_length=1, description="attributes of faces, whose combinations are the groups")
    alpha_groups: float = Field(0.5, gt=0, le=1, description="share of groups, the worst ones, that count")
    alpha_faces: float = Field(0.9, gt=0, le=1, description="share of a group's faces, the worst ones, that count")
    fairness: float = Field(1.0, ge=0, description="weight of the bi-level fairness loss")
    demographic: float = Field(0.1, ge=0, description="weight of telling the groups apart")
    reconstruction: float = Field(0.3, ge=0, description="weight of giving the picture back")
    contrastive: float = Field(0.05, ge=0, description="weight of having a class's faces closer than the other's")


class LogisticSettings(FittedSettings):
    """A logistic regression on features that are computed and not learned."""

    kind: Literal["dct_logistic"] = Field(description="file below src/unseen/detectors")
    weights: Literal["none"] = Field(description="it starts from nothing")
    penalty: float = Field(gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C)")


class LinearProbeSettings(FittedSettings):
    """A logistic regression on the features of a network that stays as it is."""

    kind: Literal["linear_probe"] = Field(description="file below src/unseen/detectors")
    backbone: Backbone
    input_size: InputSize = Field(description="pixels the network sees; crops are resized")
    views: int = Field(1, ge=1, le=64, description="pictures made of each face: itself, and others by `augment`")
    augment: AugmentSettings | None = Field(None, description="how the other views are changed")
    penalty: float = Field(gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C), views not counted")

    @model_validator(mode="after")
    def _consistent(self) -> "LinearProbeSettings":
        if (self.views > 1) != (self.augment is not None):
            raise ValueError("`views` above 1 and `augment` belong together: the first view is the face as it is")
        return self


class LayerNormSettings(NetworkSettings):
    """A network of which only the LayerNorms learn, and the head."""

    kind: Literal["layernorm_tuned"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    backbone: Backbone


class NativeSettings(NetworkSettings):
    """A network that looks for traces which a resize would wipe out: it sees stored crops as they are."""

    input_size: InputSize = Field(description="must be `faces.side`: nothing is resized")

    @model_validator(mode="after")
    def _native(self) -> "NativeSettings":
        if self.ela:
            raise ValueError(f"`kind: {self.kind}` sees pixels as they are: no `ela`")
        return self


class ResnetNodownSettings(NativeSettings):
    """A ResNet that keeps the full resolution in its first layers."""

    kind: Literal["resnet_nodown"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    backbone: Literal["resnet18", "resnet50"]
    crop: int = Field(ge=32, description="pixels of the square that is cut out at random while training")

    @model_validator(mode="after")
    def _fits(self) -> "ResnetNodownSettings":
        if self.crop > self.input_size:
            raise ValueError(f"`crop` is {self.crop}, larger than the pictures, `input_size` {self.input_size}")
        return self


class PatchSettings(NetworkSettings):
    """A network that is cut off while it still sees no more than patches."""

    kind: Literal["patch"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    backbone: Backbone
    stage: int = Field(ge=0, le=4, description="the last stage that is kept, as timm counts; 0 is the stem")


class NeighbourResidualSettings(NativeSettings):
    """A small network on what the next pixel can't tell of a pixel."""

    kind: Literal["neighbour_residual"] = Field(description="file below src/unseen/detectors")  # type: ignore[assignment]
    weights: Literal["none"] = Field(description="it starts from nothing")


DetectorSettings = Annotated[
    NetworkSettings
    | LastLayersSettings
    | DiscriminatorSettings
    | RawDiscriminatorSettings
    | VitLoraSettings
    | XceptionFairSettings
    | LogisticSettings
    | LinearProbeSettings
    | LayerNormSettings
    | ResnetNodownSettings
    | PatchSettings
    | NeighbourResidualSettings,
    Field(discriminator="kind"),
]


class EnsembleSettings(Settings):
    """Two detectors whose calibrated logits are averaged."""

    first: Name = Field(description="key below `detectors`, or below `ensembles` for three and more")
    second: Name = Field(description="another")
    weight: float = Field(0.5, gt=0, lt=1, description="of the first; the second has the rest")
    train_on: TrainOn = Field(description="sets whose validation people freeze the common threshold")


class CalibrationSettings(Settings):
    """What is frozen on validation people of the training domain, before anything held out is opened."""

    max_fpr: float = Field(gt=0, lt=1, description="largest share of validation reals that may be called fake")
    unsure_tail: float = Field(
        gt=0,
        lt=0.5,
        description="share of either class's validation scores beyond the edges of the unsure band",
    )
