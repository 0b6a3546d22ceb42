import hashlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from phial.engine.backend import NoRoom
from phial.engine.blocks import Blocks

SIZE = 4
few_tokens = st.lists(st.integers(0, 2), min_size=1, max_size=11)


def written(salt: tuple[bool, bytes], tokens: list[int]) -> str:
    """What a model would write at the last position: it depends on everything before."""
    return hashlib.sha256(repr((salt, tokens)).encode()).hexdigest()


class BlocksBesideLists(RuleBasedStateMachine):
    """Every sequence is kept a second time as a list, and the cache's content as a dictionary of positions."""

    sequences = Bundle("sequences")

    def __init__(self) -> None:
        super().__init__()
        self.blocks = Blocks(9, SIZE, b"model")
        self.lists: dict[int, list[int]] = {}
        self.salts: dict[int, tuple[bool, bytes]] = {}
        self.content: dict[tuple[int, int], str] = {}

    @rule(target=sequences, ids=few_tokens, long=st.booleans(), salt=st.sampled_from([b"", b"tenant"]))
    def open(self, ids: list[int], long: bool, salt: bytes) -> int:
        handle, found = self.blocks.open(ids, long, salt)
        assert found % SIZE == 0 and found < len(ids) and handle not in self.lists
        self.lists[handle], self.salts[handle] = ids[:found], (long, salt)
        return handle

    @rule(target=sequences, handle=sequences)
    def fork(self, handle: int) -> int:
        child = self.blocks.fork(handle)
        assert child not in self.lists
        self.lists[child], self.salts[child] = list(self.lists[handle]), self.salts[handle]
        return child

    @rule(handles=st.lists(sequences, min_size=1, max_size=3, unique=True), data=st.data())
    def extend(self, handles: list[int], data: st.DataObject) -> None:
        pieces = [(handle, data.draw(few_tokens)) for handle in handles]
        before = {handle: self.blocks.table(handle).tolist() for handle in self.lists}
        room = self.blocks.room()
        try:
            copies = self.blocks.extend_all(pieces)
        except NoRoom:
            assert {handle: self.blocks.table(handle).tolist() for handle in self.lists} == before
            assert self.blocks.room() == room
            assert sum(len(ids) for _, ids in pieces) + SIZE * len(pieces) > room
            return
        for source, target in copies:
            for offset in range(SIZE):
                self.content[target, offset] = self.content.get((source, offset), "nothing")
        for handle, ids in pieces:
            for token in ids:
                self.lists[handle].append(token)
                position = len(self.lists[handle]) - 1
                block = int(self.blocks.table(handle)[position // SIZE])
                self.content[block, position % SIZE] = written(self.salts[handle], self.lists[handle])
        if data.draw(st.booleans()):
            for handle, _ in pieces:
                self.blocks.seal(handle)

    @rule(handle=sequences, share=st.floats(0, 1))
    def trim(self, handle: int, share: float) -> None:
        length = int(share * len(self.lists[handle]))
        self.blocks.trim(handle, length)
        del self.lists[handle][length:]

    @rule(handle=consumes(sequences))
    def free(self, handle: int) -> None:
        self.blocks.free(handle)
        del self.lists[handle], self.salts[handle]

    @precondition(lambda self: not self.lists)
    @rule(target=sequences)
    def clear(self):  # type: ignore[no-untyped-def]
        self.blocks.clear()
        handle, found = self.blocks.open([0] * 9)
        assert found == 0
        self.blocks.free(handle)
        return multiple()

    @invariant()
    def every_sequence_reads_what_it_wrote(self) -> None:
        for handle, tokens in self.lists.items():
            assert self.blocks.length(handle) == len(tokens)
            assert list(self.blocks.tokens(handle)) == tokens
            table = self.blocks.table(handle).tolist()
            for position in range(len(tokens)):
                held = self.content[table[position // SIZE], position % SIZE]
                assert held == written(self.salts[handle], tokens[: position + 1])

    @invariant()
    def blocks_are_counted(self) -> None:
        tables = [self.blocks.table(handle).tolist() for handle in self.lists]
        for table, tokens in zip(tables, self.lists.values(), strict=True):
            assert len(table) == -(-len(tokens) // SIZE) == len(set(table))
        used = [block for table in tables for block in table]
        assert self.blocks._references == [used.count(block) for block in range(9)]
        free, idle = self.blocks._free, list(self.blocks._idle)
        assert sorted([*free, *idle, *set(used)]) == list(range(9))
        assert self.blocks.room() == SIZE * (9 - len(set(used)))
        assert set(idle) <= set(self.blocks._digest_of) and not set(free) & set(self.blocks._digest_of)
        assert self.blocks._registry == {digest: block for block, digest in self.blocks._digest_of.items()}


TestBlocks = BlocksBesideLists.TestCase
TestBlocks.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def filled(blocks: Blocks, ids: list[int], salt: bytes = b"", long: bool = False) -> int:
    handle, found = blocks.open(ids, long, salt)
    blocks.extend(handle, ids[found:])
    blocks.seal(handle)
    return handle


def test_a_prefix_is_shared_only_under_its_own_key() -> None:
    blocks = Blocks(20, SIZE, b"model")
    ids = list(range(10))
    first = filled(blocks, ids)
    assert blocks.open([*ids[:8], 99])[1] == 8
    assert blocks.open(ids[:8])[1] == 4  # one token at least is left to compute
    assert blocks.open(ids, long=True)[1] == blocks.open(ids, salt=b"x")[1] == 0
    assert blocks.open([99, *ids[1:]])[1] == 0
    assert blocks.table(first).tolist()[:2] == blocks.table(1).tolist()


def test_what_was_used_longest_ago_goes_first_and_from_its_end() -> None:
    blocks = Blocks(6, SIZE, b"model")
    old, new = list(range(12)), list(range(50, 62))
    blocks.free(filled(blocks, old))
    blocks.free(filled(blocks, new))
    blocks.extend(blocks.open()[0], [7] * (2 * SIZE))
    assert (blocks.open([*old, 1])[1], blocks.open([*new, 1])[1]) == (4, 12)


def test_no_room_changes_nothing() -> None:
    blocks = Blocks(2, SIZE, b"model")
    handle = filled(blocks, [1, 2, 3])
    twin = blocks.fork(handle)
    with pytest.raises(NoRoom):
        blocks.extend_all([(handle, [4]), (twin, [5, 6])])
    assert blocks.extend_all([(handle, [4]), (twin, [5])]) == [(0, 1)]


def test_a_block_that_is_written_over_is_not_found_any_more() -> None:
    blocks = Blocks(8, SIZE, b"model")
    handle = filled(blocks, [1, 2, 3, 4])
    blocks.trim(handle, 2)
    assert blocks.extend(handle, [9]) == []
    assert blocks.open([1, 2, 3, 4, 5])[1] == 0
    kept = filled(blocks, [5, 6, 7, 8])
    twin = blocks.fork(kept)
    blocks.trim(kept, 2)
    assert len(blocks.extend(kept, [9])) == 1  # the other one still reads it, so it is copied
    assert blocks.open([5, 6, 7, 8, 5])[1] == 4 and blocks.length(twin) == 4
