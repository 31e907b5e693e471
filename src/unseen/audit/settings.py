"""Settings of the audit of shortcuts."""

from pydantic import Field

from unseen.core.settings import Settings


class AuditSettings(Settings):
    """The limit of the audit."""

    max_auc: float = Field(
        0.55,
        gt=0.5,
        lt=1,
        description="the run fails if the lower 95 % limit of a file cue's AUC on a training pair is above this",
    )
    allow: list[str] = Field(
        [], description="file cues that may separate the classes, such as `side` of native crops; still reported"
    )
