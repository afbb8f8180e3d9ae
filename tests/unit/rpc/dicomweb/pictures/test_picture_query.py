import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.render_target import IccProfile, RenderTarget, Viewport, VoiFunction, Window
from radgate_server.rpc.dicomweb.pictures.query import parse_picture_query
from radgate_server.rpc.dicomweb.pictures.thumbnail_query import parse_sized_thumbnail, parse_thumbnail
from radgate_server.services.imaging.pictures.thumbnails import ThumbnailTarget


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("", RenderTarget()),
        ("charset=utf-8&unknown=1&accept=image/png", RenderTarget()),
        ("viewport=512,256", RenderTarget(viewport=Viewport(512, 256))),
        (f"viewport={'0' * 30}512,256", RenderTarget(viewport=Viewport(512, 256))),
        ("viewport=512%2C256", RenderTarget(viewport=Viewport(512, 256))),
        ("viewport=10,20,1.5,2,30,-40.5", RenderTarget(viewport=Viewport(10, 20, 1.5, 2, 30, -40.5))),
        ("viewport=10,20,,,30,40", RenderTarget(viewport=Viewport(10, 20, 0, 0, 30, 40))),
        ("viewport=10,20,5,6", RenderTarget(viewport=Viewport(10, 20, 5, 6))),
        ("window=40,400,linear", RenderTarget(window=Window(40, 400))),
        ("window=40,400", RenderTarget(window=Window(40, 400))),
        ("window=-600,1.5e3,LINEAR_EXACT", RenderTarget(window=Window(-600, 1500, VoiFunction.LINEAR_EXACT))),
        ("window=.5,.25,linear-exact", RenderTarget(window=Window(0.5, 0.25, VoiFunction.LINEAR_EXACT))),
        ("window=1,0.5,sigmoid", RenderTarget(window=Window(1, 0.5, VoiFunction.SIGMOID))),
        ("quality=1&progressive=true", RenderTarget(quality=1, progressive=True)),
        ("overlays=true&iccprofile=srgb", RenderTarget(overlays=True, icc_profile=IccProfile.SRGB)),
        ("annotation=", RenderTarget()),
    ],
)
def test_what_a_picture_is_to_look_like(query: str, target: RenderTarget) -> None:
    assert parse_picture_query(query) == target


@pytest.mark.parametrize(
    "query",
    [
        "viewport=512",
        "viewport=512,256,0,0,1,1,1",
        "viewport=0,256",
        "viewport=-5,256",
        "viewport=1.5,256",
        "viewport=9,9,-1,0",
        "viewport=9,9,0,0,0,9",
        "viewport=9,9,0,0,9,nan",
        "viewport=9,9,0,0,9,1e999",
        "viewport=²,9",
        "window=40",
        "window=40,400,linear,1",
        "window=40,0",
        "window=40,-1,sigmoid",
        "window=40,0.5,linear",
        "window=,400",
        "window=inf,400",
        "window=40,400,cubic",
        "quality=0",
        "quality=101",
        "quality=50.5",
        "quality=",
        "progressive=yes",
        "overlays=",
        "iccprofile=adobergb",
        "iccprofile=rommrgb",
        "annotation=patient",
        "annotation=technique,patient",
        "quality=90&quality=90",
        "window=%ff",
    ],
)
def test_what_is_malformed_or_not_offered_is_named(query: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_picture_query(query)
    assert caught.value.field == query.partition("=")[0]


@given(st.text(max_size=60) | st.lists(st.integers(-2, 200), max_size=6).map(lambda parts: ",".join(map(str, parts))))
def test_noise_is_refused_or_passed_over(noise: str) -> None:
    for name in ("viewport", "window", "quality", "iccprofile"):
        try:
            target = parse_picture_query(f"{name}={noise}")
        except InvalidArgumentError:
            continue
        assert target.viewport is None or target.viewport.columns > 0
        assert target.window is None or target.window.width > 0
        assert 1 <= target.quality <= 100


@pytest.mark.parametrize(
    ("url", "accept", "frames", "target"),
    [
        ("/thumbnail", "*/*", "", ThumbnailTarget()),
        ("/thumbnail?viewport=64,48", "image/png", "", ThumbnailTarget(64, 48, "image/png")),
        ("/thumbnail?accept=image/gif", "image/png", "3,1", ThumbnailTarget(128, 128, "image/gif", 3)),
    ],
)
def test_what_a_thumbnail_is_to_look_like(url: str, accept: str, frames: str, target: ThumbnailTarget) -> None:
    assert parse_thumbnail(url, accept, frames) == target


@pytest.mark.parametrize("viewport", ["64", "64,0", "64,64,1,1", "64,64,0,0,5,5"])
def test_a_thumbnail_shows_the_whole_image(viewport: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_thumbnail(f"/thumbnail?viewport={viewport}", "", "")
    assert caught.value.field == "viewport"


@pytest.mark.parametrize(("size", "side"), [("", 128), ("64", 64), ("128", 128), ("256", 256)])
def test_a_thumbnail_by_size_is_square(size: str, side: int) -> None:
    assert parse_sized_thumbnail(f"/thumbnails/1.2?size={size}", "") == ThumbnailTarget(side, side)


@pytest.mark.parametrize("size", ["0", "100", "0128", "+64", "64,64", "a"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_sized_thumbnail(f"/thumbnails/1.2?size={size}", "")
    assert caught.value.field == "size"


def test_a_thumbnail_is_one_picture() -> None:
    for accept in ("text/html", 'multipart/related; type="image/jpeg"'):
        with pytest.raises(NotAcceptableError):
            parse_thumbnail("/thumbnail", accept, "")
