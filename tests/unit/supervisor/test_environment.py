"""What a server process gets from the supervisor besides what is set for all."""

from pydantic import SecretStr

from radgate_server.settings.gateway import GatewaySettings, ServersSettings
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.processes import ProcessesSettings
from radgate_server.supervisor.environment import environment_of

SETTINGS = Settings(
    processes=ProcessesSettings(count=3),
    gateway=GatewaySettings(shared_secret=SecretStr("s" * 32), admin_port=9901),
    servers=ServersSettings(peer_port=7000, peer_address="[fd00::1]:7100"),
)


def test_each_has_ports_of_its_own_and_the_secret_of_all() -> None:
    made = environment_of(2, SETTINGS, {}, grpc_port=50053, metrics_port=41000)
    assert made == {
        "RADGATE_PROCESSES__COUNT": "3",
        "RADGATE_PROCESSES__NUMBER": "2",
        "RADGATE_GRPC_PORT": "50053",
        "RADGATE_METRICS_HOST": "127.0.0.1",
        "RADGATE_METRICS_PORT": "41000",
        "RADGATE_GATEWAY__SHARED_SECRET": "s" * 32,
        "RADGATE_GATEWAY__ADMIN_PORT": "9901",
        "RADGATE_SERVERS__PEER_PORT": "7002",
        "RADGATE_SERVERS__PEER_ADDRESS": "[fd00::1]:7102",
    }


def test_what_is_set_for_the_whole_is_not_passed_on_beside_it() -> None:
    inherited = {
        "PATH": "/bin",
        "RADGATE_DATA_DIR": "/data",
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "radgate_grpc_port": "1",
        "RADGATE_GATEWAY__SHARED_SECRET_FILE": "/run/secret",
    }
    made = environment_of(0, SETTINGS, inherited, grpc_port=50051, metrics_port=41000)
    assert made.items() >= {"PATH": "/bin", "RADGATE_DATA_DIR": "/data", "RADGATE_GRPC_PORT": "50051"}.items()
    assert made.keys().isdisjoint({"NOTIFY_SOCKET", "radgate_grpc_port", "RADGATE_GATEWAY__SHARED_SECRET_FILE"})
