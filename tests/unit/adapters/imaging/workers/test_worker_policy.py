from radgate_server.adapters.imaging.workers.process import worker_environment
from radgate_server.adapters.imaging.workers.worker_policy import number_of_workers, worker_policy
from radgate_server.adapters.imaging.workers.worker_slot import restart_delay_s
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.shared.table import MIB


def test_as_many_workers_as_are_asked_for_or_there_are_processors() -> None:
    assert number_of_workers(ImagingSettings(workers=7)) == 7
    assert number_of_workers(ImagingSettings()) >= 1


def test_an_answer_may_be_twice_the_largest_frame_or_picture_and_some_more() -> None:
    by_frame = worker_policy(ImagingSettings(max_frame_bytes=512 * MIB, max_rendered_pixels=1 << 20))
    assert by_frame.limits.answer_bytes == 1088 * MIB
    by_picture = worker_policy(ImagingSettings(max_frame_bytes=MIB, max_rendered_pixels=64 << 20))
    assert by_picture.limits.answer_bytes == 576 * MIB


def test_a_worker_keeps_no_more_than_half_of_what_it_may_take() -> None:
    assert worker_policy(ImagingSettings(worker_memory_bytes=256 * MIB)).resident_bytes == 128 * MIB


def test_workers_that_never_come_to_work_are_started_less_and_less_often() -> None:
    assert [restart_delay_s(failures) for failures in (0, 1, 2, 3, 7, 1000)] == [0, 0.5, 1, 2, 30, 30]


def test_no_secret_reaches_a_worker() -> None:
    environment = worker_environment({"PATH": "/bin", "RADGATE_DATABASE_URL": "secret", "AWS_SECRET_ACCESS_KEY": "s"})
    assert environment["PATH"] == "/bin"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert "secret" not in environment.values()
    assert not [name for name in environment if name.startswith(("RADGATE", "AWS"))]
