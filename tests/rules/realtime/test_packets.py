"""Packets of socket.io's protocol 1, as the client writes and reads them."""

import pytest

from switchhook.http.realtime_api.packets import (
    Kind,
    Packet,
    ack,
    event,
    event_name,
    join,
    message,
    parse_packet,
    split,
)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0::", Packet(Kind.DISCONNECT)),
        ("1::", Packet(Kind.CONNECT)),
        ("2::", Packet(Kind.HEARTBEAT)),
        ('3:::{"a": ":"}', Packet(Kind.MESSAGE, data='{"a": ":"}')),
        ("3:1::a\nb", Packet(Kind.MESSAGE, "1", data="a\nb")),
        ('5:2+::{"name":"ping"}', Packet(Kind.EVENT, "2", True, '{"name":"ping"}')),
        ("3::/chat:hello", Packet(Kind.MESSAGE, data="hello")),
    ],
)
def test_packet_is_read(text: str, packet: Packet) -> None:
    """Type, id, whether data is wanted with the acknowledgement, and data."""
    assert parse_packet(text) == packet


@pytest.mark.parametrize("text", ["", ":", "9::", "x::", "3", "3:", "33::", "٣::"])
def test_what_is_no_packet_is_none(text: str) -> None:
    """Whatever a client sends."""
    assert parse_packet(text) is None


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"name": 1}', '{"name": "\\ud800"'])
def test_what_is_no_event_has_no_name(data: str) -> None:
    """Whatever a client sends."""
    assert event_name(Packet(Kind.EVENT, data=data)) is None


def test_packets_are_written_as_the_client_reads_them() -> None:
    """An acknowledgement carries data only when that is wanted."""
    assert event("trouter.connected", {"ttl": 1}) == (
        '5:::{"name":"trouter.connected","args":[{"ttl":1}]}'
    )
    assert message("{}") == "3:::{}"
    assert ack(Packet(Kind.EVENT, "4", True), "pong") == '6:::4+["pong"]'
    assert ack(Packet(Kind.MESSAGE, "4")) == "6:::4"


@pytest.mark.parametrize(
    "packets",
    [["1::"], ["1::", "2::"], ["3:::🥗ö", "3:::\ufffd3\ufffd", ""], ["3:::" + "x" * 70_000, "2::"]],
)
def test_packets_of_a_poll_are_taken_apart_again(packets: list[str]) -> None:
    """Their lengths count UTF-16, as JavaScript does."""
    assert split(join(packets)) == packets


def test_frame_holds_the_length_in_utf_16() -> None:
    """A salad takes two units."""
    assert join(["🥗", "a"]) == "\ufffd2\ufffd🥗\ufffd1\ufffda"


@pytest.mark.parametrize(
    ("body", "packets"),
    [
        ("", []),
        ("\ufffd", []),
        ("\ufffdx\ufffdabc", []),
        ("\ufffd\ufffdabc", []),
        ("\ufffd3\ufffdabc rest", ["abc"]),
        ("\ufffd9\ufffdabc", ["abc"]),
        ("\ufffd12345678\ufffdabc", []),
        ("\ufffd1\ufffd🥗", ["\ufffd"]),
    ],
)
def test_body_that_is_framed_badly_holds_what_was_well(body: str, packets: list[str]) -> None:
    """Never an error."""
    assert split(body) == packets
