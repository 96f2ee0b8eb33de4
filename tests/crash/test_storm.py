"""No letter is lost in a storm, and those that come twice are the same (`D22`)."""

from pathlib import Path

from models import LetterState
from tests.crash.storm import storm


async def test_no_letter_is_lost_in_a_storm(url: str, tmp_path: Path) -> None:
    """`make torture` has a larger one."""
    couriers = 1 if url.startswith("sqlite") else 3
    damage = await storm(url, tmp_path, letters=100, couriers=couriers)
    assert damage.killed > 0
    assert damage.states.keys() == {LetterState.SENT, LetterState.REFUSED}
    assert (damage.lost, damage.unlike, damage.needless) == (set(), set(), set())
    assert damage.twice
