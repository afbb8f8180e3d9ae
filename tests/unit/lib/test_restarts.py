from radgate_server.lib.processes.restarts import RestartPace


def test_restarts_back_off_to_half_a_minute_until_one_has_lived_for_long() -> None:
    pace = RestartPace()
    assert [pace.delay_s(1) for _ in range(9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [pace.delay_s(lived_s) for lived_s in (61, 1)] == [0.25, 0.5]
