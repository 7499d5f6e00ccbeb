"""What this project relies on of DVC's private modules and file formats."""

import pytest

from fullcycle.operations.hashes import file_hash, folder_hash, tree
from fullcycle.operations.repository import load
from fullcycle.operations.store import Store


def test_resolves_templates_places_and_kinds(finished):
    """Stages of a matrix stand with their values, lines and outputs; names in dvc.yaml with their place."""
    repository = load(finished.path)
    train = next(stage for stage in repository.stages if stage.name == "train@2")
    assert train.commands == ("python src/train.py 2 models/2.json",)
    assert (train.entry, train.desc, train.lines.start) == ("train", "Fit one model.", 8)
    assert train.params == {"params.yaml": ("train.rate",)}
    assert repository.place(train, "src/train.py") == "dvc.yaml:12"
    report = repository.stages[-1]
    assert [(out.path, out.kind) for out in report.outs] == [("metrics.json", "metric")]


def test_hashes_are_those_of_dvc(finished):
    """Every output, file or folder, has the hash that DVC recorded."""
    repository = load(finished.path)
    parts = repository.records["prepare"].deps["data/parts"]
    assert parts == folder_hash(tree(finished.path / "data/parts"))
    assert repository.records["report"].deps["models"] == folder_hash(tree(finished.path / "models"))


def test_finds_recorded_content_wherever_it_is(tiny):
    """Recorded content comes from the cache, the work tree or Git; a folder may hold several outputs."""
    repository = load(tiny.path)
    store = Store(repository)
    (tiny.path / "models/1.json").unlink()
    models = store.find("models", repository.records["report"].deps["models"])
    assert sorted(models) == [".gitignore", "1.json", "2.json"]
    tiny.write("data/extra.csv", "edited\n")
    assert store.find("data/extra.csv", file_hash(b"a,1\n")) == {"": b"a,1\n"}
    assert store.find("data/extra.csv", file_hash(b"edited\n")) == {"": tiny.path / "data/extra.csv"}
    assert store.find("data/extra.csv", "0" * 32) is None


@pytest.mark.parametrize("wdir", ["..", "../src"])
def test_paths_are_relative_to_the_repository(empty, wdir):
    """Deps, outs and params of a nested pipeline are named from the repository's root."""
    up = "../" if wdir == "../src" else ""
    tiny = empty(
        {
            "lines/dvc.yaml": f"stages:\n  a:\n    wdir: {wdir}\n    cmd: cp {up}a.txt {up}b.txt\n"
            f"    deps: [{up}a.txt]\n    outs: [{up}b.txt]\n    params: [{up}p.yaml: [x]]\n"
            "artifacts:\n  b: {path: ../b.txt}\n",
            "a.txt": "a",
            "p.yaml": "x: 1\n",
            "src/here.txt": "",
        }
    )
    repository = load(tiny.path)
    [stage] = repository.stages
    assert (stage.name, stage.deps, [out.path for out in stage.outs]) == (
        "lines/dvc.yaml:a",
        ("a.txt",),
        ["b.txt"],
    )
    assert stage.params == {"p.yaml": ("x",)}
    assert "b.txt" in repository.finished
    tiny.run("dvc", "repro", "-q", "lines/dvc.yaml:a")
    assert load(tiny.path).records["lines/dvc.yaml:a"].deps.keys() == {"a.txt"}
    assert tiny.verify(jobs=1)["lines/dvc.yaml:a"].word == "identical"
