"""A detector's model card: who may use it for what, how it does where it does worst, and what it can't do.

After Mitchell et al. 2019, Model Cards for Model Reporting, arXiv 1810.03993. Markdown, the same bytes for the same
numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unseen.data.identities import FEW_PEOPLE, people_text
from unseen.evaluation.wording import BETTER, UNCLEAR, WORSE, against_chance, between

Numbers = Mapping[str, Any]

ACTIVE = r"\`*[]<>|"
"""What Markdown acts upon; names of generators and licences are other people's text."""

SCOPE = """\
It says whether a picture of a face was drawn whole by a generator: a probability, and a verdict at a threshold that
was frozen before anything held out was opened.

- **For**: research on how detectors carry over to generators that they have not seen; sorting pictures for people who
  then look themselves.
- **Not for**: proving that a picture is real or fake; any decision about a person without one who looks at it.
- **Face swaps and edited photos are out of scope**: they leave other traces. Nothing of the kind trained this
  detector, and no number here says anything about them.
"""


def _plain(text: object) -> str:
    """Somebody's text on one line, with everything escaped that Markdown or a terminal would act on."""
    line = " ".join(str(text).split())
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return "".join(f"\\{c}" if c in ACTIVE else c for c in printable)


def _who(split: Numbers) -> str:
    return people_text(split["people"], split.get("without_identity", 0))


def _tested(metrics: Numbers) -> str:
    """Who the evaluated real faces are of."""
    return _who(metrics["pooled"]["people"]["reals"])


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _around(found: Numbers) -> str:
    """A share with its interval and n."""
    return f"{_percent(found['share'])} ({between(found['share'], found, _percent)}, n {found['n']:,})"


def _auc(found: Numbers) -> str:
    return f"{found['value']:.3f} ({between(found['value'], found, '{:.3f}'.format)})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _against_chance(auc: Numbers) -> str:
    """What an AUC and its interval say, in words."""
    return {
        WORSE: "ranks **worse than chance**: check the labels; if they are right, these fakes look more real to it "
        "than the reals",
        UNCLEAR: "ranks **no better than chance**",
        BETTER: "ranks better than chance",
    }[against_chance(auc)]


def _start(settings: Numbers) -> str:
    """What it was before it was trained."""
    if "first" in settings:
        return f"It joins `{settings['first']}` and `{settings['second']}`, which are not trained any further."
    weights = settings.get("weights", "none")
    return "It began from no other weights." if weights == "none" else f"It began from the weights `{weights}`."


def _trained(card: Numbers, licenses: Mapping[str, str]) -> str:
    train, chose = card["trained_on"]["train"], card["trained_on"]["val"]
    rows = [
        [
            _plain(name),
            f"{n:,}",
            f"{chose['faces'].get(name, 0):,}",
            _plain(licenses.get(name, "made by this project")),
        ]
        for name, n in train["faces"].items()
    ]
    parts = [
        f"Real faces: {_who(train)}. Fakes: {', '.join(map(_plain, train['generators']))}. Its checkpoint, "
        f"temperature and threshold were chosen on the validation split: {_who(chose)}. " + _start(card["settings"]),
        _table(["set", "faces that train", "faces that choose", "licence"], rows),
    ]
    if train["people"] + train.get("without_identity", 0) < FEW_PEOPLE:
        parts.append(
            f"**{_who(train).capitalize()} are few: this is a demonstration.** It shows how far such a detector "
            "falls on what it has not seen, and is not one to rely on."
        )
    return "\n\n".join(parts)


def _operating_point(calibration: Numbers, metrics: Numbers) -> str:
    validation = calibration["validation"]
    low, high = calibration["unsure"]
    parts = [
        f"A face is called fake where its score reaches **{calibration['threshold']:.4f}**. Of the validation reals "
        f"it was allowed to flag {_percent(calibration['max_fpr'])}: it flags {_percent(validation['fpr'])} of "
        f"{validation['reals']:,} there, and catches {_percent(validation['tpr'])} of {validation['fakes']:,} fakes. "
        f"Scores from {low:.4f} to {high:.4f} are called unsure."
    ]
    if at_1 := metrics["pooled"]["at_fpr"]["fpr_1"].get("frozen"):
        parts.append(
            f"At {at_1['threshold']:.4f}, which at most 1 % of the validation reals reach, it catches "
            f"{_around(at_1['tpr'])} of all evaluated fakes and flags {_around(at_1['fpr'])} of all evaluated reals."
        )
    return "\n\n".join(parts)


def _generators(card: Numbers, metrics: Numbers) -> str:
    seen = {name for split in card["trained_on"].values() for name in split["generators"]}
    worst_first = sorted(metrics["generators"].items(), key=lambda item: (item[1]["tpr"]["share"], item[0]))
    rows = [
        [
            _plain(name),
            "trained on" if name in seen else "**never seen**",
            _around(one["tpr"]),
            _percent(1 - one["tpr"]["share"]),
            f"{one['auc']:.3f}" if "auc" in one else "in no pair",
        ]
        for name, one in worst_first
    ]
    return _table(["generator", "in training", "TPR (95 %)", "missed", "AUC"], rows)


def _false_positives(metrics: Numbers) -> str:
    most_first = sorted(metrics["sources"].items(), key=lambda item: (-item[1]["share"], item[0]))
    rows = [
        [_plain(name), *(f"{1000 * one[key]:.0f}" for key in ("share", "low", "high")), f"{one['n']:,}"]
        for name, one in most_first
    ]
    return (
        "Of 1,000 real faces, how many are called fake, with the ends of the 95 % interval. It takes photos as "
        f"independent, which several of one person are not; here are {_tested(metrics)}.\n\n"
        + _table(["source", "false positives of 1,000", "low", "high", "photos"], rows)
    )


def _pairs(metrics: Numbers) -> str:
    def bad_first(item: tuple[str, Numbers]) -> tuple[float, float, str]:
        return item[1]["auc"]["value"], item[1]["balanced_accuracy"], item[0]

    worst_first = sorted(metrics["pairs"].items(), key=bad_first)
    name, worst = worst_first[0]
    pooled = metrics["pooled"]
    rows = [
        [
            _plain(pair),
            {True: "matched", False: "not matched", None: ""}[one.get("matched")],
            _auc(one["auc"]),
            _percent(one["balanced_accuracy"]),
            f"{one['ece']:.3f}",
            _against_chance(one["auc"]),
        ]
        for pair, one in [*worst_first, ("all reals, all fakes", pooled)]
    ]
    return (
        f"Worst on **{_plain(name)}** ({_plain(worst['reals'])} against {_plain(worst['fakes'])}): AUC "
        f"{_auc(worst['auc'])}, {_against_chance(worst['auc'])}; it catches {_around(worst['tpr'])} of those "
        f"fakes and flags {_around(worst['fpr'])} of those reals.\n\n"
        + _table(["pair", "sets", "AUC (95 %)", "balanced accuracy", "ECE", "in words"], rows)
        + "\n\nThe sets of a matched pair share source, framing and compression. On any other pair a number may be "
        "about those, and not about fakes."
    )


def _groups(metrics: Numbers) -> str:
    if not metrics["groups"]:
        return (
            "Not measured: `evaluation.groups` names no attribute."
            if not metrics["groups_without"]
            else "Not measured: no evaluated face has the attributes asked for."
        )
    parts = []
    for pair, groupings in metrics["groups"].items():
        for attributes, found in groupings.items():
            rows = [
                [
                    _plain(group),
                    _around(one["fpr"]) if one["fpr"] else "no reals",
                    _around(one["tpr"]) if one["tpr"] else "no fakes",
                    "few faces" if one["small"] else "",
                ]
                for group, one in found["groups"].items()
            ]
            gaps = [
                f"{title} {_percent(found['gaps'][rate])}"
                for rate, title in (("fpr", "FPR"), ("tpr", "TPR"))
                if found["gaps"][rate] is not None
            ]
            parts.append(
                f"{_plain(pair)}, by {_plain(attributes)}; {found['without']:,} faces are in no group. Gaps between "
                f"groups that are not small: {', '.join(gaps) or 'none can be taken'}.\n\n"
                + _table([_plain(attributes), "FPR (95 %)", "TPR (95 %)", ""], rows)
            )
    if metrics["groups_without"]:
        parts.append(f"Without these attributes: {', '.join(map(_plain, metrics['groups_without']))}.")
    return "\n\n".join(parts)


def _calibration(calibration: Numbers, metrics: Numbers) -> str:
    pooled = metrics["pooled"]
    before = pooled["before_temperature"]["ece"]
    return (
        f"Temperature {calibration['temperature']:.3f}, from the validation split. In predictions and in JSON "
        "`logit` is before the temperature and `score` after it: score = 1 / (1 + exp(-logit / temperature)).\n\n"
        f"Over all evaluated faces the expected calibration error is {pooled['ece']:.3f} ({before:.3f} before the "
        f"temperature), the Brier score {pooled['mse']:.3f}. On a generator that it has not seen a score is no "
        "probability: the temperature was "
        "chosen on those that it has."
    )


def _limits(card: Numbers, metrics: Numbers) -> str:
    faces = card["faces"]
    lines = [
        f"It sees faces of {faces['side']} x {faces['side']} px, detected, cropped and compressed as in training; "
        f"one whose crop would be smaller than {faces['min_crop']} px gets no score.",
        f"Its false positives were measured on {_tested(metrics)}. Other cameras, ages and light give other "
        "numbers, and so do pictures that were compressed or made smaller on their way: "
        f"metrics/robustness/{card['name']}.json.",
        "Nothing here says how it does on a generator that is not in the table above, and new ones appear.",
        "It can be evaded by an attacker who knows it: no attack was tried.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def model_card(card: Numbers, metrics: Numbers, licenses: Mapping[str, str]) -> str:
    """The model card of an evaluated detector, as Markdown.

    Args:
        card: its `detector.json`.
        metrics: from `evaluate`.
        licenses: of each source's pictures; a set that has none here is of fakes made by this project.
    """
    name = _plain(card["name"])
    sections = {
        "Intended use": SCOPE.rstrip(),
        "What trained it": _trained(card, licenses),
        "Operating point": _operating_point(card["calibration"], metrics),
        "Where it fails": _pairs(metrics),
        "TPR and missed, by generator, worst first": _generators(card, metrics),
        "False positives": _false_positives(metrics),
        "Groups of people": _groups(metrics),
        "Calibration": _calibration(card["calibration"], metrics),
        "Limits": _limits(card, metrics),
        "How to use it": f"```sh\nunseen predict --detector models/detectors/{card['name']} PICTURES\n```\n\n"
        "Everything it needs is in this folder; docs/metrics.md defines each number.",
    }
    kind = f"Kind `{card['kind']}`, {card['parameters']:,} weights."
    head = f"# {name}\n\nA detector of faces that a generator drew whole. {kind}"
    return "\n\n".join([head, *(f"## {title}\n\n{text}" for title, text in sections.items())]) + "\n"
