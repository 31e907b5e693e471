"""What the audit found on the sets of each evaluated pair: marks, and the AUC of simple cues."""

from typing import Any

from unseen.params.check import Params

KINDS = ("picture", "original", "file")
"""Kinds of cues, in the order in which they are shown."""


def audited(params: Params, audit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the audit's findings on the sets of each evaluated pair; empty if they have too few faces."""
    stored = {name: params.set_folders()[item.data][0] for name, item in params.evaluation_sets.items()}
    return {
        name: audit["pairs"].get(f"{stored[pair.reals]} / {stored[pair.fakes]}", {})
        for name, pair in params.pairs().items()
    }


def marks(params: Params, audit: dict[str, Any]) -> dict[str, list[str]]:
    """Return for each evaluated pair the file properties that separate its classes."""
    return {name: found.get("separated_by", []) for name, found in audited(params, audit).items()}


def baselines(params: Params, audit: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the baselines of each evaluated pair: the best cue of each kind, and all cues of the picture together.

    Each has `kind`, `cue` (None: all cues), `auc`, `low` and `high`.
    """
    return {
        name: [
            {"kind": kind, "cue": cue, **(found[kind]["cues"][cue] if cue else found[kind]["together"])}
            for kind in KINDS
            for cue in ([found[kind]["carried_by"], None] if kind == "picture" else [found[kind]["carried_by"]])
        ]
        if found
        else []
        for name, found in audited(params, audit).items()
    }
