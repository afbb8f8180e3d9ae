"""Orthanc's ids of resources: the SHA-1 of what identifies them in DICOM, Patient ID first."""

import hashlib

_GROUP = 8


def resource_id(*identifiers: str) -> str:
    """The id of a patient, study, series or instance: Patient ID, then as many of the UIDs as it takes.

    A study that came under two Patient IDs is two resources.
    """
    digest = hashlib.sha1("|".join(identifiers).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP))
