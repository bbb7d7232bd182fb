"""Encryption, by the published example and as another implementation reads it."""

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.errors import InvalidError
from engine.notifications.web_push import (
    PADDED_BYTES,
    decode_base64url,
    encode_base64url,
    encrypt,
    parse_keys,
)

pytestmark = pytest.mark.unit


# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
AUTH = decode_base64url("BTBZMqHH6r4Tts7J_aSIgg")
RECEIVER = decode_base64url(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
SENDER_PRIVATE = decode_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SALT = decode_base64url("DGv6ra1nlYgDCS1FRnbzlw")
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_specification_comes_out_as_it_stands_there() -> None:
    sender_key = ec.derive_private_key(int.from_bytes(SENDER_PRIVATE), ec.SECP256R1())
    body = encrypt(
        TEXT, public_key=RECEIVER, auth=AUTH, padded_length=0, salt=SALT, sender_key=sender_key
    )
    assert encode_base64url(body) == BODY


def test_another_implementation_reads_it_and_learns_nothing_from_its_length() -> None:
    browser = ec.generate_private_key(ec.SECP256R1())
    point = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    lengths = set()
    for text in (b"{}", TEXT, b"x" * (PADDED_BYTES - 1)):
        body = encrypt(text, public_key=point, auth=AUTH)
        assert http_ece.decrypt(body, private_key=browser, auth_secret=AUTH) == text
        lengths.add(len(body))
    assert len(lengths) == 1


def test_no_two_messages_share_a_key_or_a_salt() -> None:
    bodies = [encrypt(TEXT, public_key=RECEIVER, auth=AUTH) for _ in range(2)]
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 2


def test_keys_are_read_padded_or_not() -> None:
    assert parse_keys(encode_base64url(RECEIVER), encode_base64url(AUTH), "/keys") == AUTH
    assert (
        parse_keys(encode_base64url(RECEIVER) + "=", encode_base64url(AUTH) + "==", "/keys") == AUTH
    )


@pytest.mark.parametrize(
    "point", [RECEIVER[:-1], RECEIVER[1:], b"\2" + RECEIVER[1:33], b"\4" * 65, b""]
)
def test_what_is_no_point_of_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_keys(encode_base64url(point), encode_base64url(AUTH), "/keys")
    assert [fault.pointer for fault in refused.value.faults] == ["/keys/p256dh"]
