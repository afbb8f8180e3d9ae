"""How many server processes there are, and what each of them has of the budgets of all."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.orders import OrderSenderSettings, OrderSettings
from radgate_server.settings.shared.processes import ProcessesSettings, number_of_processes, with_count, with_share

POSTGRES = SecretStr("postgresql+psycopg://radgate@db/radgate")
SQLITE = SecretStr("")
BESIDE_OTHERS = GatewaySettings(servers=("127.0.0.1:50052",), shared_secret=SecretStr("s" * 32))
WITHOUT_ENVOY = GatewaySettings(enabled=False)


@pytest.mark.parametrize(
    ("given", "processors", "count"),
    [
        ({"database_url": POSTGRES}, 1, 1),
        ({"database_url": POSTGRES}, 3, 3),
        ({"database_url": POSTGRES}, 32, 4),
        ({"database_url": POSTGRES, "processes": ProcessesSettings(count=9)}, 2, 9),
        ({"database_url": POSTGRES, "gateway": BESIDE_OTHERS}, 4, 1),
        ({"database_url": POSTGRES, "gateway": WITHOUT_ENVOY}, 4, 1),
        ({"database_url": SQLITE}, 4, 1),
    ],
)
def test_there_is_one_for_each_processor_where_several_can_be(
    given: dict[str, Any], processors: int, count: int
) -> None:
    assert number_of_processes(Settings(**given), processors) == count


@pytest.mark.parametrize(
    ("given", "remedy"),
    [({"database_url": SQLITE}, "set database_url"), ({"database_url": POSTGRES, "gateway": WITHOUT_ENVOY}, "Envoy")],
)
def test_several_are_refused_where_they_can_not_be(given: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        number_of_processes(with_count(Settings(**given), 2))
    assert number_of_processes(with_count(Settings(**given), 1)) == 1


def test_all_together_have_what_one_alone_would_have() -> None:
    cache, imaging = CacheSettings(warm_bytes=1001, hot_bytes=0), ImagingSettings(workers=5, max_running_jobs=2)
    shares = [
        with_share(Settings(cache=cache, imaging=imaging, processes=ProcessesSettings(count=3, number=number)))
        for number in range(3)
    ]
    assert [share.cache.warm_bytes for share in shares] == [334, 334, 333]
    assert [share.cache.hot_bytes for share in shares] == [0, 0, 0]
    assert [share.imaging.workers for share in shares] == [2, 2, 1]
    assert [share.imaging.max_running_jobs for share in shares] == [1, 1, 0]
    assert [share.limits.max_calls for share in shares] == [1000] * 3
    assert [share.dicom_listens for share in shares] == [True, False, False]


def test_the_first_one_takes_orders_for_all() -> None:
    orders = OrderSettings(port=2575, senders=(OrderSenderSettings(tenant="north", networks=("10.0.0.0/8",)),))
    prefetch = PrefetchSettings(arrival_days=5, orders=orders)
    shares = [
        with_share(Settings(prefetch=prefetch, processes=ProcessesSettings(count=3, number=number)))
        for number in range(3)
    ]
    assert [share.prefetch.orders.port for share in shares] == [2575, 0, 0]
    assert {share.prefetch.arrival_days for share in shares} == {5}


def test_each_has_the_least_that_it_can_work_with() -> None:
    few = Settings(imaging=ImagingSettings(workers=1), processes=ProcessesSettings(count=4, number=3))
    assert with_share(few).imaging.workers == 1


def test_one_alone_keeps_its_settings() -> None:
    settings = Settings()
    assert with_share(settings) is settings
    assert with_count(settings, None) is settings


def test_the_first_has_the_folder_that_one_alone_has() -> None:
    def folder(number: int) -> Path:
        return Settings(data_dir=Path("/data"), processes=ProcessesSettings(count=3, number=number)).process_dir

    assert [str(folder(number)) for number in (-1, 0, 2)] == ["/data", "/data", "/data/processes/2"]


def test_a_number_is_below_the_count() -> None:
    with pytest.raises(ValidationError, match=r"greater processes\.count"):
        ProcessesSettings(count=2, number=2)
