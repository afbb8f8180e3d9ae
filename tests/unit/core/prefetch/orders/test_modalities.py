"""Sections of diagnostic service as modalities."""

import pytest

from radgate_server.core.prefetch.orders.modalities import has_images, modalities_of


@pytest.mark.parametrize(
    ("section", "modalities"),
    [
        ("CT", {"CT"}),
        ("mr", {"MR"}),
        ("NMR", {"MR"}),
        ("NMS", {"NM"}),
        ("VUS", {"US"}),
        ("RX", {"CR", "DX"}),
        ("PT", {"PT"}),  # physical therapy to table 0074
        ("RAD", set()),
        ("IMG", set()),
        ("", set()),
        ("X-RAY 1", set()),
    ],
)
def test_modalities_of_sections_with_images(section: str, modalities: set[str]) -> None:
    assert modalities_of(section) == modalities
    assert has_images(section)


@pytest.mark.parametrize("section", ["LAB", "CH", "hm", "SP", "PHR"])
def test_sections_without_images(section: str) -> None:
    assert not has_images(section)
    assert modalities_of(section) == frozenset()
