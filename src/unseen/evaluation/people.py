"""The person of each prediction, for the bootstrap over people."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.data.identities import NO_IDENTITY, states_identity


def own_person(ids: pd.Series) -> pd.Series:
    """Identities for faces without one: each face becomes a separate person."""
    return NO_IDENTITY + ids


def without_identity(predictions: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which faces have no stated identity."""
    faces = zip(predictions["id"], predictions["identity"], strict=True)
    return np.array([not states_identity(name, person) for name, person in faces], bool)


def one_person_by_faces(predictions: pd.DataFrame) -> pd.DataFrame:
    """Make each face a separate person if all faces are of one person, since a bootstrap over one person gives no
    interval; otherwise return the predictions unchanged."""
    if predictions["identity"].nunique() > 1:
        return predictions
    return predictions.assign(identity=own_person(predictions["id"]))
