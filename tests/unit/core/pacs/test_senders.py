"""Who may send to the storage SCP."""

from ipaddress import ip_address

import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import DimseConnection, DimseTls
from radgate_server.core.pacs.senders import (
    REJECTIONS,
    REMEDIES,
    Peer,
    Refusal,
    Sender,
    plain_address,
    refusal_of,
    sender_of,
)

PACS = DimseConnection("pacs.example", 104, "ARCHIVE", "RADGATE")
HERE = ip_address("192.0.2.7")
SENDER = sender_of(PACS, HERE, over_tls=False)


def peer(calling: str = "ARCHIVE", called: str = "RADGATE", address: str = "192.0.2.7", secured: bool = False) -> Peer:
    return Peer(calling, called, plain_address(address), secured)


def test_a_pacs_sends_from_where_it_is_reached_under_its_own_title() -> None:
    assert refusal_of(peer(), "RADGATE", [SENDER]) is None


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (peer(address="192.0.2.8"), Refusal.ADDRESS),
        (peer("STRANGER", "OTHER", "2001:db8::1"), Refusal.ADDRESS),
        (peer(called="OTHER"), Refusal.CALLED_AET),
        (peer("STRANGER"), Refusal.CALLING_AET),
        (peer("archive"), Refusal.CALLING_AET),
    ],
)
def test_others_are_turned_away(who: Peer, refusal: Refusal) -> None:
    assert refusal_of(who, "RADGATE", [SENDER]) is refusal


def test_nobody_may_send_while_nothing_is_awaited() -> None:
    assert refusal_of(peer(), "RADGATE", []) is Refusal.NOTHING_AWAITED


def test_settings_name_other_titles_and_networks() -> None:
    pacs = DimseConnection(
        "h", 104, "ARCHIVE", "RADGATE", sender_aets=("NODE1", "NODE2"), sender_networks=("10.1.0.0/16", "fd00::/8")
    )
    sender = sender_of(pacs, HERE, over_tls=False)
    for address in ("192.0.2.7", "10.1.200.3", "::ffff:10.1.200.3", "fd00::9%eth0"):
        assert sender.admits(peer("NODE2", address=address))
    assert not sender.admits(peer("NODE2", address="10.2.0.1"))
    assert not sender.admits(peer("ARCHIVE"))


def test_a_network_of_ipv4_may_be_spelled_as_ipv6_does() -> None:
    spelled = DimseConnection("h", 104, "ARCHIVE", "RADGATE", sender_networks=("::ffff:10.0.0.0/104",))
    sender = sender_of(spelled.checked(), ip_address("::ffff:192.0.2.7"), over_tls=False)
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7"):
        assert refusal_of(peer(address=address), "RADGATE", [sender]) is None
    assert refusal_of(peer(address="11.1.2.3"), "RADGATE", [sender]) is Refusal.ADDRESS


def test_any_title() -> None:
    pacs = DimseConnection("h", 104, "ANY-SCP", "RADGATE", sender_aets=("*",))
    assert sender_of(pacs, HERE, over_tls=False).admits(peer("WHATEVER"))


def test_what_is_asked_for_over_tls_does_not_come_without() -> None:
    secured = DimseConnection("h", 2762, "ARCHIVE", "RADGATE", tls=DimseTls("/ca.pem"))
    sender = sender_of(secured, HERE, over_tls=True)
    assert refusal_of(peer(), "RADGATE", [sender]) is Refusal.NOT_SECURED
    assert refusal_of(peer(secured=True), "RADGATE", [sender]) is None
    assert sender_of(secured, HERE, over_tls=False).admits(peer())
    assert sender_of(PACS, HERE, over_tls=True).admits(peer())


def test_each_of_several_pacs_is_known_by_its_own_pair_of_title_and_address() -> None:
    other = Sender(frozenset({"OTHER"}), sender_of(PACS, ip_address("198.51.100.1"), over_tls=False).networks)
    assert refusal_of(peer("OTHER"), "RADGATE", [SENDER, other]) is Refusal.CALLING_AET
    assert refusal_of(peer("OTHER", address="198.51.100.1"), "RADGATE", [SENDER, other]) is None


def test_every_refusal_has_a_code_of_the_standard_and_a_remedy_if_a_pacs_may_meet_it() -> None:
    source_1, source_3 = {1, 2, 3, 7}, {1, 2}
    assert set(REJECTIONS) == set(Refusal)
    for result, source, reason in REJECTIONS.values():
        assert result in (1, 2)
        assert reason in {1: source_1, 3: source_3}[source]
    assert set(REMEDIES) == set(Refusal) - {Refusal.NOTHING_AWAITED}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (DimseConnection("h", 1, "A", "B", sender_networks=("10.0.0.1/8",)), "dimse.sender_networks"),
        (DimseConnection("h", 1, "A", "B", sender_networks=("10.0.0.0/8",) * 33), "dimse.sender_networks"),
        (DimseConnection("h", 1, "A", "B", sender_aets=("A" * 17,)), "dimse.sender_aets"),
        (DimseConnection("h", 1, "A", "B", tls=DimseTls("", server_name="a b")), "dimse.tls.server_name"),
        (DimseConnection("h", 1, "A", "B", tls=DimseTls("", certificate_ref="x")), "dimse.tls.certificate_ref"),
        (
            DimseConnection("h", 1, "A", "B", tls=DimseTls("", "/c.pem", certificate_ref="env:A")),
            "dimse.tls.certificate_ref",
        ),
        (DimseConnection("h", 1, "A", "B", tls=DimseTls("", "", "/k.pem")), "dimse.tls.certificate_file"),
    ],
)
def test_settings_that_can_not_be_used(wrong: DimseConnection, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        wrong.checked()
    assert caught.value.field == field
