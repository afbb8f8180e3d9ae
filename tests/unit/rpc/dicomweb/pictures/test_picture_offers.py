import pytest

from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.metadata.instance_content import Frames
from radgate_server.rpc.dicomweb.negotiation.accept import parse_accept
from radgate_server.rpc.dicomweb.negotiation.offers import Offer
from radgate_server.rpc.dicomweb.pictures.offers import PicturePlan, plan_pictures

ONE, MANY = Frames(1, 1, 100), Frames(5, 3, 40)
ALL = (1, 2, 3, 4, 5)
JPEG_PARTS = 'multipart/related; type="image/jpeg"'
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "frames", "listed", "multipart", "media_type", "shown"),
    [
        ("", ONE, (), False, "image/jpeg", (1,)),
        ("image/*", ONE, (), False, "image/jpeg", (1,)),
        (CHROME, ONE, (), False, "image/jpeg", (1,)),
        (FIREFOX, ONE, (), False, "image/png", (1,)),
        ("image/gif", ONE, (), False, "image/gif", (1,)),
        (JPEG_PARTS, ONE, (), True, "image/jpeg", (1,)),
        ("", MANY, (), False, "image/jpeg", (3,)),
        ("image/png, image/gif;q=0.5", MANY, (), False, "image/png", (3,)),
        ("image/gif", MANY, (), False, "image/gif", ALL),
        ("image/gif, image/jpeg;q=0.9", MANY, (), False, "image/gif", ALL),
        ("image/jpeg, image/gif", MANY, (), False, "image/jpeg", (3,)),
        (JPEG_PARTS, MANY, (), True, "image/jpeg", ALL),
        ('multipart/related; type="image/png"', MANY, (), True, "image/png", ALL),
        ("", MANY, (4,), False, "image/jpeg", (4,)),
        ("image/gif", MANY, (4,), False, "image/gif", (4,)),
        (JPEG_PARTS, MANY, (4,), True, "image/jpeg", (4,)),
        ("", MANY, (5, 2), True, "image/jpeg", (5, 2)),
        ("image/gif", MANY, (5, 2), False, "image/gif", (5, 2)),
        ("multipart/related", MANY, (5, 2), True, "image/jpeg", (5, 2)),
    ],
)
def test_the_client_decides(
    accept: str, frames: Frames, listed: tuple[int, ...], multipart: bool, media_type: str, shown: tuple[int, ...]
) -> None:
    plan = plan_pictures(parse_accept(accept), frames, listed)
    assert plan == PicturePlan(Offer(multipart, media_type), shown)


@pytest.mark.parametrize(
    ("accept", "frames", "listed", "words"),
    [
        ("text/html", ONE, (), "image/jpeg, image/png, image/gif"),
        ("image/jp2", MANY, (), "image/jpeg, image/png, image/gif"),
        ("image/jpeg", MANY, (1, 2), f'{JPEG_PARTS}, multipart/related; type="image/png", image/gif'),
        ("image/jpeg;q=0", ONE, (), "image/jpeg"),
    ],
)
def test_what_can_not_be_made_is_answered_with_what_can(
    accept: str, frames: Frames, listed: tuple[int, ...], words: str
) -> None:
    with pytest.raises(NotAcceptableError, match=words):
        plan_pictures(parse_accept(accept), frames, listed)
