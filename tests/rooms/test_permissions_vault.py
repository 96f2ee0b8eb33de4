"""The vault: what it keeps is read by its owner's row alone, and with a secret that is known."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions import Sealed, Vault

OLD, NEW = "a secret of thirty-two characters", "another secret of so many letters"
VAULT = Vault(OLD)
OWNER = (
    uuid.UUID("019e830e-1a74-7000-8000-0047b1232434"),
    uuid.UUID("019e830e-1a75-7000-8000-0047b1232435"),
)
OTHER = uuid.UUID("019e830e-1a76-7000-8000-0047b1232436")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.uuids(), st.uuids())
def test_what_was_encrypted_is_read(secret: str, organization: uuid.UUID, owner: uuid.UUID) -> None:
    stored = VAULT.encrypt(secret, organization, owner)
    assert VAULT.decrypt(stored, organization, owner) == secret
    assert not VAULT.is_outdated(stored)


def test_what_is_stored_holds_nothing_of_the_secret_and_is_never_the_same() -> None:
    stored = {VAULT.encrypt("JBSWY3DPEHPK3PXP", *OWNER) for _ in range(100)}
    assert len(stored) == 100
    assert len({one[5:17] for one in stored}) == 100
    for one in stored:
        assert len(one) == 1 + 4 + 12 + 16 + 16
        assert b"JBSWY3DPEHPK3PXP" not in one
        assert OLD.encode() not in one


@pytest.mark.parametrize("owner", [(OWNER[0], OTHER), (OTHER, OWNER[1]), OWNER[::-1]])
def test_another_owner_s_is_not_read(owner: tuple[uuid.UUID, uuid.UUID]) -> None:
    stored = VAULT.encrypt("secret", *OWNER)
    with pytest.raises(Sealed, match="another owner's"):
        VAULT.decrypt(stored, *owner)


@given(st.integers(0, 8 * len(VAULT.encrypt("secret", *OWNER)) - 1))
def test_one_bit_changed_is_not_read(bit: int) -> None:
    stored = bytearray(VAULT.encrypt("secret", *OWNER))
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Sealed):
        VAULT.decrypt(bytes(stored), *OWNER)


@given(st.integers(0, len(VAULT.encrypt("secret", *OWNER)) - 1))
def test_a_part_is_not_read(length: int) -> None:
    with pytest.raises(Sealed):
        VAULT.decrypt(VAULT.encrypt("secret", *OWNER)[:length], *OWNER)


def test_an_unknown_secret_reads_nothing() -> None:
    with pytest.raises(Sealed, match="a SECRET_KEY that is not known"):
        Vault(NEW).decrypt(VAULT.encrypt("secret", *OWNER), *OWNER)


def test_a_previous_secret_reads_and_does_not_encrypt() -> None:
    stored, renewed = VAULT.encrypt("secret", *OWNER), Vault(NEW, "older still", OLD)
    assert renewed.decrypt(stored, *OWNER) == "secret"
    assert renewed.is_outdated(stored)
    again = renewed.encrypt("secret", *OWNER)
    assert not renewed.is_outdated(again)
    assert Vault(NEW).decrypt(again, *OWNER) == "secret"
    with pytest.raises(Sealed):
        VAULT.decrypt(again, *OWNER)
