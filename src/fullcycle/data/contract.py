"""What a table must look like: its pandera schema, its key, and where it refers to other tables."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    import pandera.pandas as pa


@dataclass(frozen=True)
class Reference:
    """`column` holds values of `to` in `table`; rows without a partner are quarantined if `required`.

    Where it is not required they stay, and are counted.
    """

    column: str
    table: str
    to: str
    required: bool


@dataclass(frozen=True)
class Table:
    """One source's contract: `schema` has types and ranges, `key` is unique."""

    schema: pa.DataFrameSchema
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()


def contracts(module: str) -> dict[str, Table]:
    """The contracts that the problem declares as ``TABLES`` in its ``schema`` module.

    Raises:
        Refusal: there is no such module or no ``TABLES`` in it.
    """
    name = f"{module}.schema"
    try:
        return dict(importlib.import_module(name).TABLES)
    except ModuleNotFoundError as error:
        if error.name not in {module, name}:
            raise
        raise Refusal(f"problem.module = {module!r}: there is no src/{module}/schema.py") from error
    except AttributeError as error:
        raise Refusal(f"src/{module}/schema.py defines no TABLES") from error


def contract(module: str, table: str) -> Table:
    """The contract of one table.

    Raises:
        Refusal: the problem declares none for it.
    """
    known = contracts(module)
    if table not in known:
        raise Refusal(f"src/{module}/schema.py has no table {table!r}; it has {', '.join(known)}")
    return known[table]
