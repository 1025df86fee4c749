import pytest

from lstmrec.contracts import ids, tables


def test_names_are_unique_and_keys_are_columns() -> None:
    assert len({t.name for t in tables.ALL}) == len(tables.ALL)
    for table in tables.ALL:
        assert len(set(table.names)) == len(table.names)
        assert set(table.key) | set(table.order) | set(table.partitions) <= set(table.names), table.name


def test_the_order_of_events_never_asks_the_item() -> None:
    assert "item_id" not in tables.EVENT_ORDER
    assert tables.EVENTS.order == tables.EVENT_ORDER


def test_a_table_is_found_by_name() -> None:
    assert tables.table("split") is tables.SPLIT
    with pytest.raises(KeyError):
        tables.table("splits")


def test_reserved_ids() -> None:
    assert (ids.PADDING, ids.UNKNOWN, ids.FIRST) == (0, 1, 2)
