import inspect
import re
from pathlib import Path

import radgate
from radgate.cache import AsyncCache, Cache
from radgate.jobs import AsyncJobs, Jobs
from radgate.transcode import AsyncTranscode, Transcode

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"


def test_public_names_change_on_purpose_only() -> None:
    assert radgate.__all__ == [
        "AlreadyExistsError",
        "AsyncRetrieval",
        "AsyncServerStreamView",
        "AsyncView",
        "Client",
        "ClientClosedError",
        "CorruptDataError",
        "DeadlineExceededError",
        "DoubtfulAnswerWarning",
        "FieldViolation",
        "ImageError",
        "IncompleteStudyError",
        "InvalidRequestError",
        "LegalHoldError",
        "MissingInstance",
        "NotAcceptableError",
        "NotFoundError",
        "PacsError",
        "PartialAnswerWarning",
        "PermissionDeniedError",
        "Progress",
        "RadgateError",
        "ResumeTokenStaleError",
        "Retrieval",
        "RetrievedFrame",
        "RetrievedInstance",
        "ServerError",
        "ServerStreamView",
        "StoreReport",
        "StoreResult",
        "TranscodedFrame",
        "TranscodedInstance",
        "UnauthenticatedError",
        "UnavailableError",
        "View",
        "ViewedFrame",
        "aio",
    ]
    assert all(hasattr(radgate, name) for name in radgate.__all__)


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    def surface(client: type) -> dict[str, list[str]]:
        methods = {name: member for name, member in vars(client).items() if not name.startswith("_")}
        return {name: list(inspect.signature(method).parameters) for name, method in methods.items()}

    assert surface(radgate.Client) == surface(radgate.aio.Client)
    assert surface(Jobs) == surface(AsyncJobs)
    of_jobs = ["prefetch", "prefetched", "get", "list", "watch", "cancel", "pause", "resume"]
    assert list(surface(Jobs)) == ["transcode_study", "make_thumbnails", *of_jobs]
    assert surface(Cache) == surface(AsyncCache)
    assert list(surface(Cache)) == ["stats", "invalidate"]
    assert surface(Transcode) == surface(AsyncTranscode)
    assert list(surface(Transcode)) == ["frames", "instance", "file"]
    assert list(surface(radgate.Client)) == [
        "close",
        "search_studies",
        "search_series",
        "search_instances",
        "watch_studies",
        "retrieve_study",
        "metadata",
        "frames",
        "view",
        "view_frames",
        "store",
        "refresh_study",
        "admin",
        "retention",
    ]


def test_the_examples_of_the_readme_can_be_compiled() -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        compile(example, "README.md", "exec")
