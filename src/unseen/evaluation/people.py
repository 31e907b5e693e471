"""Whose face a prediction is about, for a bootstrap over people."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.scope import NO_IDENTITY


def own_person(ids: pd.Series) -> pd.Series:
    """The identities of faces that have none: each is a person of its own."""
    return NO_IDENTITY + ids


def without_identity(predictions: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which faces have no identity, or their own id as one, as pictures of a source without a rule for it."""
    identities = predictions["identity"]
    return (identities.str.startswith(NO_IDENTITY) | (identities == predictions["id"])).to_numpy(bool)


def one_person_by_faces(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, where all faces are of one person with each as a person of its own: one person drawn with
    replacement gives no interval."""
    if predictions["identity"].nunique() > 1:
        return predictions
    return predictions.assign(identity=own_person(predictions["id"]))
