"""Print the number of a stage: `python stages/_plan.py train_gan dcgan` prints `[12 of 35] train_gan dcgan`.

The stages are counted from dvc.yaml and params.yaml without DVC, which takes a second to import. The order is that of
`dvc repro` for the complete graph; the numbers of stages that are up to date are not printed.
"""

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GRAPH = Path(__file__).resolve().parents[1] / "dvc.yaml"
PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Step:
    """A stage of one item, with all variables replaced."""

    command: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]


def _filled(text: str, values: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        here: Any = values
        for key in found.group(1).strip().split("."):
            here = here[key]
        return str(here)

    return re.sub(r"\$\{([^}]*)\}", value, text)


def _listed(value: Any, params: Mapping[str, Any]) -> Any:
    """The items of `foreach` or of a side of `matrix`: a literal value, or `${a.block.of.params}`."""
    if not isinstance(value, str):
        return value
    for key in value.strip().removeprefix("${").removesuffix("}").split("."):
        params = params[key.strip()]
    return params


def _items(block: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The values of `key` and `item` for each stage of a block."""
    if "matrix" in block:
        sides = {name: list(_listed(side, params)) for name, side in block["matrix"].items()}
        for values in itertools.product(*sides.values()):
            yield {"item": dict(zip(sides, values, strict=True))}
    elif "foreach" in block:
        listed = _listed(block["foreach"], params)
        pairs = listed.items() if isinstance(listed, Mapping) else enumerate(listed)
        yield from ({"key": key, "item": item} for key, item in pairs)
    else:
        yield {}


def _paths(listed: Any) -> list[str]:
    """The paths of a list whose entries are paths, or mappings from a path to its options."""
    return [next(iter(entry)) if isinstance(entry, Mapping) else str(entry) for entry in listed or ()]


def steps(graph: Mapping[str, Any], params: Mapping[str, Any]) -> list[Step]:
    """All stages of a graph, in the order of the file."""
    found = []
    for block in graph["stages"].values():
        stage = block.get("do", block)
        paths = [_paths(stage.get("deps"))]
        paths.append([path for kind in ("outs", "metrics", "plots") for path in _paths(stage.get(kind))])
        for values in _items(block, params):
            filled = {**params, **values}
            deps, outs = (tuple(_filled(path, filled) for path in some) for some in paths)
            command = stage["cmd"] if isinstance(stage["cmd"], str) else stage["cmd"][0]
            found.append(Step(_filled(command, filled), deps, outs))
    return found


def _inside(trie: dict[str, Any]) -> Iterator[int]:
    for name, below in trie.items():
        if name:
            yield from _inside(below)
        else:
            yield below


def _needed(step: Step, trie: dict[str, Any]) -> Iterator[int]:
    """The indices of the stages that write a dependency of a step: its path, a folder above it, or files below it."""
    for path in step.deps:
        here: dict[str, Any] = trie
        for part in path.split("/"):
            if "" in here:
                yield here[""]
            if part not in here:
                break
            here = here[part]
        else:
            yield from _inside(here)


def ordered(found: list[Step]) -> list[Step]:
    """Sort steps in the order of DVC: dependencies first, otherwise as in the file."""
    trie: dict[str, Any] = {}
    for place, step in enumerate(found):
        for path in step.outs:
            here = trie
            for part in path.split("/"):
                here = here.setdefault(part, {})
            here[""] = place
    order: dict[int, None] = {}
    seen = set[int]()

    def visit(place: int) -> None:
        seen.add(place)
        for needed in _needed(found[place], trie):
            if needed not in seen:
                visit(needed)
        order[place] = None

    for place in range(len(found)):
        if place not in seen:
            visit(place)
    return [found[place] for place in order]


def line(graph: Path, params: Path, stage: str, items: list[str]) -> str:
    """`[12 of 35] train_gan dcgan`; without numbers if the graph has no such stage."""
    name = " ".join([stage, *items])
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        read = [yaml.load(file.read_text(encoding="utf-8"), loader) for file in (graph, params)]
        commands = [step.command.split() for step in ordered(steps(*read))]
        place = commands.index(["python", f"stages/{stage}.py", *items])
    except Exception:  # only a line of output: the stage itself reports errors of these files
        return name
    return f"[{place + 1} of {len(commands)}] {name}"


if __name__ == "__main__":
    print(line(GRAPH, PARAMS, sys.argv[1], sys.argv[2:]))
