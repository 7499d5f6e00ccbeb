"""A problem's contracts are found by the name of its package."""

from __future__ import annotations

import sys

import pytest

from fullcycle.data.contract import contract, contracts
from fullcycle.errors import Refusal


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a problem package with a given `schema.py`; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str | None) -> str:
        tmp_path.joinpath("trains").mkdir()
        tmp_path.joinpath("trains/__init__.py").touch()
        if text is not None:
            tmp_path.joinpath("trains/schema.py").write_text(text, encoding="utf-8")
        return "trains"

    yield write
    for name in ("trains", "trains.schema"):
        sys.modules.pop(name, None)


def test_every_table_of_a_problem_is_found(package):
    """The cycle knows a problem by `TABLES` alone (law 7)."""
    assert contracts(package("TABLES = {'stations': 1}")) == {"stations": 1}


def test_a_missing_module_is_refused():
    """With the file that should be there."""
    with pytest.raises(Refusal, match=r"problem\.module = 'boats': there is no src/boats/schema\.py"):
        contracts("boats")


def test_a_package_without_schema_is_refused(package):
    """As if there were no package."""
    with pytest.raises(Refusal, match=r"there is no src/trains/schema\.py"):
        contracts(package(None))


def test_a_schema_without_tables_is_refused(package):
    """The name that the cycle looks for stands in the refusal."""
    with pytest.raises(Refusal, match=r"src/trains/schema\.py defines no TABLES"):
        contracts(package("TABLE = {}"))


def test_a_mistake_inside_the_schema_is_not_hidden(package):
    """A missing library within the user's module is reported as it is."""
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        contracts(package("import no_such_library"))


def test_an_unknown_table_is_refused_with_those_that_there_are():
    """A source without a contract cannot be ingested."""
    with pytest.raises(
        Refusal, match="no table 'trains'; it has flights, weather, planes, airports, airlines"
    ):
        contract("flights", "trains")
