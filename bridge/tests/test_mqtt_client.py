"""The buffers of the broker's client, on a pair of real sockets; ``_sock`` is where paho keeps the one it opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ecms_bridge.mqtt_client import BufferedClient

PINGRESP = b"\xd0\x00"
READ_AHEAD = 65536


class Peer:
    """A client and the other end of its connection."""

    def __init__(self) -> None:
        own, self.socket = socket.socketpair()
        own.setblocking(False)
        self.socket.setblocking(False)
        self.client = BufferedClient(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client._sock = own

    def received(self) -> bytes:
        data = b""
        while True:
            try:
                data += self.socket.recv(1 << 20)
            except BlockingIOError:
                return data

    def close(self) -> None:
        own = self.client.socket()
        if isinstance(own, socket.socket):
            own.close()
        self.client._sock = None
        self.socket.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def test_what_is_held_back_goes_out_in_order_at_the_end(peer: Peer) -> None:
    with peer.client.together():
        for piece in (b"one ", b"two ", b"three"):
            assert peer.client._sock_send(piece) == len(piece)
        assert peer.received() == b""
        assert peer.client.want_write()
    assert peer.received() == b"one two three"
    assert not peer.client.want_write()
    peer.client._sock_send(b"at once")
    assert peer.received() == b"at once"


def test_what_the_socket_does_not_take_waits_and_keeps_its_place(peer: Peer) -> None:
    first, second = bytes(4_000_000), b"then this"
    with peer.client.together():
        peer.client._sock_send(first)
    assert peer.client.want_write()
    peer.client._sock_send(second)
    received = b""
    while peer.client.want_write():
        received += peer.received()
        assert peer.client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert received + peer.received() == first + second


def test_a_broken_connection_takes_what_was_held_with_it(peer: Peer) -> None:
    peer.socket.close()
    with peer.client.together():
        peer.client._sock_send(b"nobody reads this")
    assert not peer.client.want_write()


def test_a_flood_is_read_in_bounded_turns_and_nothing_of_it_is_lost(peer: Peer) -> None:
    packets = 3 * READ_AHEAD // len(PINGRESP)
    peer.socket.setblocking(True)
    sent = peer.socket.send(PINGRESP * packets)
    turns = 0
    while _waiting(peer):
        assert peer.client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        turns += 1
    assert turns >= sent // READ_AHEAD
    assert not peer.client._unread


def test_a_packet_in_pieces_is_put_together(peer: Peer) -> None:
    for piece in (PINGRESP[:1], PINGRESP[1:], PINGRESP + PINGRESP[:1], PINGRESP[1:]):
        peer.socket.send(piece)
        assert peer.client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert peer.client._in_packet["command"] == 0
    assert not peer.client._unread


def test_the_end_of_the_connection_is_told(peer: Peer) -> None:
    peer.socket.close()
    assert peer.client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST


def _waiting(peer: Peer) -> bool:
    own = peer.client.socket()
    assert isinstance(own, socket.socket)
    try:
        return bool(own.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
