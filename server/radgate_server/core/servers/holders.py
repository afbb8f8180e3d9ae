"""Which member fetches a study for all of them."""

from typing import Protocol


class StudyHolders(Protocol):
    """Claims of studies. All methods raise DatabaseUnavailableError."""

    async def claim(self, tenant_id: str, study_instance_uid: str, own: str, *, instead_of: str = "") -> str:
        """Return the ID of the member that holds the tenant's study: `own` if nobody else does.

        A claim is taken over from a member whose lease has ended, and from `instead_of`, which was asked in vain.
        """
        ...

    async def release(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Forget who holds the study, or any study of the tenant: what they hold is dropped."""
        ...
