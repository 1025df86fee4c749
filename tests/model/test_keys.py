import torch

from lstmrec.model.keys import Key


def test_rows_draw_the_same_whoever_else_is_in_the_batch() -> None:
    all_of_them = Key(7, 3, ((0, 2), (1, 3), (5, 2))).mask("x", (4,), 0.5)
    alone = Key(7, 3, ((1, 3),)).mask("x", (4,), 0.5)
    assert torch.equal(all_of_them[2:5], alone)
    other_order = Key(7, 3, ((5, 2), (0, 2))).mask("x", (4,), 0.5)
    assert torch.equal(other_order, torch.cat([all_of_them[5:], all_of_them[:2]]))


def test_a_longer_batch_mate_changes_nothing() -> None:
    key = Key(7, 3, ((0, 5), (2, 3)))
    for width in (1, 7, 63):
        assert torch.equal(key.uniform("x", (64,))[:, :width], key.uniform("x", (width,)))


def test_each_part_of_the_key_counts() -> None:
    base = Key(7, 3, ((0, 4),)).uniform("x", (8,))
    others = [Key(8, 3, ((0, 4),)), Key(7, 4, ((0, 4),)), Key(7, 3, ((1, 4),))]
    assert all(not torch.equal(base, k.uniform("x", (8,))) for k in others)
    assert not torch.equal(base, Key(7, 3, ((0, 4),)).uniform("y", (8,)))


def test_mask_keeps_the_mean_and_shared_draws_are_the_same_on_every_rank() -> None:
    mask = Key(1, 1, ((0, 400),)).mask("x", (50,), 0.2)
    assert set(mask.unique().tolist()) == {0.0, 1.25}
    assert abs(mask.mean().item() - 1) < 0.02
    assert torch.equal(Key(1, 1, ((0, 4),)).shared("n", 9), Key(1, 1, ((3, 1), (4, 2))).shared("n", 9))


def test_the_process_wide_generator_is_left_alone_and_no_rows_are_fine() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert Key(1, 1, ()).mask("x", (5,), 0.1).shape == (0, 5)
    Key(1, 1, ((0, 3),)).mask("x", (5,), 0.1)
    assert torch.equal(state, torch.get_rng_state())
