"""When a property of the stored file counts as a shortcut."""

from pydantic import Field

from unseen.core.settings import Settings


class AuditSettings(Settings):
    """When a property of the stored file counts as a shortcut."""

    max_auc: float = Field(
        0.55,
        gt=0.5,
        lt=1,
        description="a training pair fails the run when the lower 95 % limit of a property's AUC is above",
    )
