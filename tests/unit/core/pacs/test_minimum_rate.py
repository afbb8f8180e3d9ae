from radgate_server.core.pacs.minimum_rate import MinimumRate, Progress

RATE = MinimumRate(1000, 10)


def test_silence_and_a_trickle_end_with_the_window() -> None:
    progress = Progress(RATE, 100)
    assert progress.left_s(100) == 10
    for second in range(1, 10):
        progress.came(1, 100 + second)
    assert progress.left_s(109) == 1
    assert progress.left_s(110) == 0


def test_enough_bytes_begin_a_window_and_so_does_what_came_whole() -> None:
    progress = Progress(RATE, 0)
    progress.came(9_999, 5)
    assert progress.left_s(5) == 5
    progress.came(1, 6)
    assert progress.left_s(6) == 10
    progress.came(9_999, 7)
    progress.done(8)
    progress.came(1, 9)
    assert progress.left_s(9) == 9, "bytes of an earlier window don't count"
    progress.done(7)
    assert progress.left_s(9) == 9, "what was done before is known already"


def test_without_a_rate_nothing_is_too_slow() -> None:
    assert Progress(MinimumRate(0, 10), 0).left_s(1e9) is None
