"""Checks of references between blocks of params: names must exist, and roles must fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from unseen.core.errors import UserError
from unseen.params.captions import check_captions
from unseen.params.detectors import check_detectors, check_ensembles
from unseen.params.diffusion import check_diffuse
from unseen.params.evaluation import (
    check_evaluation,
    check_explanations,
    check_pairs,
    check_shown_groups,
    check_speed,
)
from unseen.params.generators import check_same_generators
from unseen.params.leave_one_out import check_leave_one_out
from unseen.params.problems import Problems
from unseen.params.roles import check_generators, check_made_measured
from unseen.params.sets import check_fakes, check_gans, check_names, check_sources, check_twins

if TYPE_CHECKING:
    from unseen.params.check import Params

CHECKS: tuple[Callable[[Params], Problems], ...] = (
    check_names,
    check_sources,
    check_gans,
    check_fakes,
    check_twins,
    check_captions,
    check_diffuse,
    check_same_generators,
    check_generators,
    check_detectors,
    check_ensembles,
    check_evaluation,
    check_made_measured,
    check_shown_groups,
    check_explanations,
    check_pairs,
    check_speed,
    check_leave_one_out,
)


def problems(params: Params) -> Problems:
    """Yield all problems of references between blocks, one line each."""
    found = False
    for check_one in CHECKS:
        try:
            for problem in check_one(params):
                found = True
                yield problem
        except KeyError:  # a missing name, which an earlier check has reported
            if not found:
                raise


def check(params: Params) -> None:
    """Check the references between blocks.

    Raises:
        UserError: the first problem, with key, value and allowed values.
    """
    for problem in problems(params):
        raise UserError(problem)
