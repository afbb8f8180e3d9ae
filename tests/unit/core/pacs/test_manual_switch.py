import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import FailoverPolicy
from radgate_server.core.pacs.failover import Group
from radgate_server.core.pacs.manual_switch import choose_backup, choose_primary

GROUP = Group("east", "main", ("main", "near", "far"), FailoverPolicy())


@pytest.mark.parametrize(
    ("active", "target", "chosen"),
    [
        ("main", "", "near"),
        ("near", "", "far"),
        ("far", "", "near"),
        ("main", "far", "far"),
        ("near", "far", "far"),
    ],
)
def test_the_target_or_the_next_backup_is_chosen(active: str, target: str, chosen: str) -> None:
    assert choose_backup(GROUP, active, target) == chosen


@pytest.mark.parametrize(
    ("members", "active", "target", "field"),
    [
        (("main",), "main", "", "name"),
        (("main", "near"), "near", "", "name"),
        (("main", "near"), "near", "near", "target_pacs"),
        (("main", "near"), "main", "main", "target_pacs"),
        (("main", "near"), "main", "elsewhere", "target_pacs"),
    ],
)
def test_work_is_not_sent_where_it_can_not_go(members: tuple[str, ...], active: str, target: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        choose_backup(Group("east", "main", members, FailoverPolicy()), active, target)
    assert caught.value.field == field


def test_the_primary_gets_its_work_back_once() -> None:
    assert choose_primary(GROUP, "far") == "main"
    with pytest.raises(InvalidArgumentError):
        choose_primary(GROUP, "main")
