"""How much of what peers send may lie in memory."""

from radgate_server.adapters.pacs.dimse.transport.receive_budget import ReceiveBudget, Share


def test_an_association_takes_no_more_than_its_limit() -> None:
    room = ReceiveBudget(100)
    share = Share(60, room)
    assert share.take(60)
    assert not share.take(1)
    assert room.used_bytes == 60


def test_all_together_take_no_more_than_the_room() -> None:
    room = ReceiveBudget(100)
    first, second = Share(80, room), Share(80, room)
    assert first.take(80)
    assert not second.take(21)
    assert second.take(20)
    first.give_back(80)
    assert second.take(60)
    assert room.used_bytes == 80


def test_an_association_that_ends_gives_all_back_once() -> None:
    room = ReceiveBudget(100)
    share = Share(100, room)
    assert share.take(70)
    share.close()
    share.give_back(70)  # by whoever was still at work on it
    assert room.used_bytes == 0
    assert not share.take(1)
