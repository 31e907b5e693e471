"""Whose face a prediction is about, for a bootstrap over people."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.data.identities import NO_IDENTITY, states_identity


def own_person(ids: pd.Series) -> pd.Series:
    """The identities of faces that have none: each is a person of its own."""
    return NO_IDENTITY + ids


def without_identity(predictions: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which faces have no stated identity."""
    faces = zip(predictions["id"], predictions["identity"], strict=True)
    return np.array([not states_identity(name, person) for name, person in faces], bool)


def one_person_by_faces(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, where all faces are of one person with each as a person of its own: one person drawn with
    replacement gives no interval."""
    if predictions["identity"].nunique() > 1:
        return predictions
    return predictions.assign(identity=own_person(predictions["id"]))
