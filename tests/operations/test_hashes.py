"""Hashes of files and folders are those that ``dvc.lock`` has for them."""

from __future__ import annotations

import pytest
import yaml

from fullcycle.operations.hashes import tree, tree_hash


@pytest.fixture
def recorded(tiny):
    """The hash that the tiny repository's lock has for its folder of parts."""
    lock = yaml.safe_load((tiny.path / "dvc.lock").read_text(encoding="utf-8"))
    (entry,) = (dep for dep in lock["stages"]["prepare"]["deps"] if dep["path"] == "data/parts")
    return entry["md5"]


def test_a_folder_has_the_hash_that_dvc_gives_it(tiny, recorded):
    """From the files in it alone; one file more is another hash."""
    assert tree_hash(tiny.path / "data/parts") == recorded
    tiny.write("data/parts/zelkova.txt", "zelkova\n")
    assert tree_hash(tiny.path / "data/parts") != recorded


def test_what_dvcignore_names_is_not_in_the_folder(tiny, recorded):
    """Bytecode beside a stage's modules is no input, at any depth; DVC itself sees nothing changed."""
    tiny.write(".dvcignore", "__pycache__/\n*.swp\n")
    tiny.write("data/parts/__pycache__/oak.cpython-311.pyc", "bytecode")
    tiny.write("data/parts/deep/__pycache__/elm.cpython-311.pyc", "bytecode")
    tiny.write("data/parts/oak.swp", "an editor's")
    assert tree_hash(tiny.path / "data/parts") == recorded
    assert "oak.swp" not in tree(tiny.path / "data/parts")
    assert "changed" not in tiny.run("dvc", "status", "prepare")


def test_a_folder_outside_any_repository_has_all_its_files(tmp_path):
    """Such as what `verify` makes in a folder of its own."""
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert list(tree(tmp_path / "a")) == ["__pycache__/x.pyc"]
    assert tree_hash(tmp_path / "nothing") is None
